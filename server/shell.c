/* The terminal of `cflask-lua shell`: lines with editing and completion, by libedit, and
   Ctrl-C.

   SIGINT is heard in two places, as nobody knows in which the process is: a hook ends the
   Lua code that computes, and a byte in a pipe breaks the event loop in which a task
   waits or a key is awaited. */
#include "shell.h"

#include "budget.h"
#include "task.h"
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#ifndef NO_LIBEDIT
#include <histedit.h>
#endif

static struct {
    bool is_open;
    int pipe[2];
    struct event *interrupt; /* of the pipe */
    struct sigaction before;
    volatile sig_atomic_t n_interrupts; /* since begin() or the line's begin */
    volatile sig_atomic_t is_running;   /* a line's code, not the reading of the next */
    bool is_ready;                      /* a key is there, or Ctrl-C was pressed */
#ifndef NO_LIBEDIT
    lua_State *L; /* while a line is read */
    EditLine *edit;
    History *history;
    struct event *input;
    char *prompt;
#endif
} s;

/* ---- Ctrl-C ---- */

/* In what runs. Pressed again, it comes at each instruction, so that no pcall in a loop
   withstands. A hook that was overtaken by the line's end does nothing. */
static void on_hook(lua_State *L, lua_Debug *ar)
{
    (void)ar;
    if (s.n_interrupts < 2 || !s.is_running)
        lua_sethook(L, NULL, 0, 0);
    if (s.n_interrupts > 0 && s.is_running)
        luaL_error(L, "interrupted");
}

static void on_signal(int number)
{
    (void)number;
    int error = errno;
    s.n_interrupts++;
    lua_State *running = s.is_running ? budget_running() : NULL;
    if (running)
        lua_sethook(running, on_hook, LUA_MASKCALL | LUA_MASKRET | LUA_MASKCOUNT, 1);
    ssize_t written = write(s.pipe[1], "", 1);
    (void)written; /* a full pipe tells the same */
    errno = error;
}

static void drain(void)
{
    char bytes[64];
    while (read(s.pipe[0], bytes, sizeof bytes) > 0)
        ;
}

static void on_interrupt(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    drain();
    s.is_ready = true;
    if (s.is_running && s.n_interrupts > 0)
        event_base_loopbreak(tasks_base());
}

static void forget_interrupts(void)
{
    drain();
    s.n_interrupts = 0;
}

static int begin_lua(lua_State *L)
{
    (void)L;
    forget_interrupts();
    s.is_running = 1;
    return 0;
}

static int was_interrupted_lua(lua_State *L)
{
    lua_pushboolean(L, s.n_interrupts > 0);
    s.is_running = 0;
    return 1;
}

#ifndef NO_LIBEDIT

/* ---- a line ---- */

static void on_input(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    s.is_ready = true;
}

/* Waits for a key in the event loop, so that tasks go on. False after Ctrl-C. */
static bool await_key(void)
{
    s.is_ready = false;
    event_add(s.input, NULL);
    tasks_run_until(&s.is_ready);
    event_del(s.input);
    return s.n_interrupts == 0;
}

/* libedit's way to read a character: 1, 0 at the end, -1 for a fault. */
static int read_key(EditLine *edit, wchar_t *key)
{
    (void)edit;
    mbstate_t state = {0};
    for (;;) {
        char byte;
        if (!await_key()) {
            errno = EINTR;
            return -1;
        }
        ssize_t n = read(STDIN_FILENO, &byte, 1);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n <= 0)
            return (int)n;
        size_t used = mbrtowc(key, &byte, 1, &state);
        if (used == (size_t)-1)
            state = (mbstate_t){0}; /* no character: the byte is dropped */
        else if (used != (size_t)-2)
            return 1;
    }
}

static char *prompt(EditLine *edit)
{
    (void)edit;
    return s.prompt;
}

/* The Tab key. complete(text before the cursor) is called protected: libedit's frames are
   below. */
static unsigned char complete(EditLine *edit, wint_t key)
{
    (void)key;
    lua_State *L = s.L;
    const LineInfo *line = el_line(edit);
    int top = lua_gettop(L);
    unsigned char result = CC_NORM;
    if (!lua_checkstack(L, 4))
        return CC_ERROR;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &s);
    lua_pushlstring(L, line->buffer, (size_t)(line->cursor - line->buffer));
    if (lua_pcall(L, 1, 2, 0) != LUA_OK) {
        lua_settop(L, top);
        return CC_ERROR;
    }
    if (lua_isstring(L, -1)) {
        printf("\n%s\n", lua_tostring(L, -1));
        fflush(stdout);
        result = CC_REDISPLAY;
    }
    if (lua_isstring(L, -2) && *lua_tostring(L, -2)) {
        if (el_insertstr(edit, lua_tostring(L, -2)) == 0 && result == CC_NORM)
            result = CC_REFRESH;
    } else if (result == CC_NORM) {
        result = CC_REFRESH_BEEP;
    }
    lua_settop(L, top);
    return result;
}

static void open_editor(void)
{
    HistEvent event;
    if (!setlocale(LC_CTYPE, "") || MB_CUR_MAX == 1)
        setlocale(LC_CTYPE, "C.UTF-8");
    s.edit = el_init("cflask-lua", stdin, stdout, stderr);
    s.history = history_init();
    s.input = event_new(tasks_base(), STDIN_FILENO, EV_READ, on_input, NULL);
    if (!s.edit || !s.history || !s.input)
        return;
    history(s.history, &event, H_SETSIZE, 1000);
    history(s.history, &event, H_SETUNIQUE, 1);
    el_set(s.edit, EL_EDITOR, "emacs");
    el_set(s.edit, EL_PROMPT_ESC, prompt, '\1');
    el_set(s.edit, EL_SIGNAL, 1);
    el_set(s.edit, EL_HIST, history, s.history);
    el_wset(s.edit, EL_GETCFN, read_key);
    el_wset(s.edit, EL_ADDFN, L"cflask-complete", L"Completes a name", complete);
    el_set(s.edit, EL_BIND, "^I", "cflask-complete", NULL);
    el_set(s.edit, EL_BIND, "^R", "em-inc-search-prev", NULL);
    el_source(s.edit, NULL); /* ~/.editrc */
}

static void close_editor(void)
{
    if (s.history)
        history_end(s.history);
    if (s.edit)
        el_end(s.edit);
    if (s.input)
        event_free(s.input);
    free(s.prompt);
    s.history = NULL;
    s.edit = NULL;
    s.input = NULL;
    s.prompt = NULL;
}

static int read_line_lua(lua_State *L)
{
    const char *text = luaL_checkstring(L, 1);
    int n = 0;
    if (!s.input || !s.edit)
        return luaL_error(L, "no line can be edited here");
    char *copy = strdup(text);
    if (!copy)
        return luaL_error(L, "out of memory");
    free(s.prompt);
    s.prompt = copy;
    s.L = L;
    forget_interrupts();
    el_resize(s.edit);
    const char *line = el_gets(s.edit, &n);
    if (s.n_interrupts > 0)
        lua_pushboolean(L, 0);
    else if (!line || n <= 0)
        lua_pushnil(L);
    else
        lua_pushlstring(L, line, (size_t)n - (line[n - 1] == '\n'));
    if (!line || n <= 0)
        (void)!write(STDOUT_FILENO, "\n", 1);
    return 1;
}

static int remember_lua(lua_State *L)
{
    HistEvent event;
    const char *line = luaL_checkstring(L, 1);
    if (s.history)
        history(s.history, &event, H_ENTER, line);
    return 0;
}

#else

static void open_editor(void)
{
}

static void close_editor(void)
{
}

#endif

/* ---- its life ---- */

static int close_lua(lua_State *L)
{
    (void)L;
    if (!s.is_open)
        return 0;
    s.is_open = false;
    s.is_running = 0;
    close_editor();
    sigaction(SIGINT, &s.before, NULL);
    if (s.interrupt)
        event_free(s.interrupt);
    s.interrupt = NULL;
    close(s.pipe[0]);
    close(s.pipe[1]);
    return 0;
}

static int open_lua(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TFUNCTION);
    if (s.is_open)
        return luaL_error(L, "there is one shell in a process");
    if (pipe2(s.pipe, O_NONBLOCK | O_CLOEXEC) < 0)
        return luaL_error(L, "no pipe can be had: %s", strerror(errno));
    s.is_open = true;
    lua_pushvalue(L, 1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &s);
    s.interrupt =
        event_new(tasks_base(), s.pipe[0], EV_READ | EV_PERSIST, on_interrupt, NULL);
    if (s.interrupt)
        event_add(s.interrupt, NULL);
    struct sigaction action = {.sa_handler = on_signal}; /* reading a key ends with it */
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, &s.before);
    if (isatty(STDIN_FILENO))
        open_editor();
    return 0;
}

void shell_open(lua_State *L)
{
    static const luaL_Reg functions[] = {{"open", open_lua},
                                         {"begin", begin_lua},
                                         {"was_interrupted", was_interrupted_lua},
                                         {"close", close_lua},
#ifndef NO_LIBEDIT
                                         {"read_line", read_line_lua},
                                         {"remember", remember_lua},
#endif
                                         {NULL, NULL}};
    luaL_newlib(L, functions);
    lua_setfield(L, -2, "shell");
}
