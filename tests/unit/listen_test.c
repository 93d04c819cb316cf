#include "listen.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>

static char folder[] = "/tmp/listen_test-XXXXXX";
static char url[300];

static void tcp(void **state)
{
    (void)state;
    struct fault fault = {0};
    int port;
    int fd = listen_tcp("127.0.0.1", 0, url, sizeof url, &fault);
    assert_true(fd >= 0);
    assert_int_equal(sscanf(url, "http://127.0.0.1:%d", &port), 1);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);

    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int client = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(client, (struct sockaddr *)&address, sizeof address), 0);

    char wanted[100];
    snprintf(wanted, sizeof wanted, "127.0.0.1:%d is in use", port);
    assert_int_equal(listen_tcp("127.0.0.1", port, url, sizeof url, &fault), -1);
    assert_non_null(strstr(fault.message, wanted));
    assert_non_null(strstr(fault.message, "--port"));

    close(fd); /* a client's TIME_WAIT must not keep the port */
    close(client);
    fd = listen_tcp("127.0.0.1", port, url, sizeof url, &fault);
    assert_true(fd >= 0);
    close(fd);
}

static void ipv6(void **state)
{
    (void)state;
    struct fault fault;
    int fd = listen_tcp("::1", 0, url, sizeof url, &fault);
    if (fd < 0)
        skip(); /* no IPv6 here */
    assert_memory_equal(url, "http://[::1]:", 13);
    assert_true(atoi(url + 13) > 0);
    close(fd);
}

static void what_is_no_address(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        int port;
    } cases[] = {{"256.0.0.1", 0},     {"192.0.2.1", 0},  {"no such host", 0},
                 {"127.0.0.1", 70000}, {"127.0.0.1", -1}, {"", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fault fault = {0};
        assert_int_equal(
            listen_tcp(cases[i].host, cases[i].port, url, sizeof url, &fault), -1);
        assert_non_null(strstr(fault.message, cases[i].host));
    }
}

static const char *path_of(const char *name)
{
    static char path[100];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void unix_sockets(void **state)
{
    (void)state;
    struct fault fault = {0};
    const char *path = path_of("s");
    int fd = listen_unix(path, url, sizeof url, &fault);
    assert_true(fd >= 0);
    assert_string_equal(url + 5, path);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);

    assert_int_equal(listen_unix(path, url, sizeof url, &fault),
                     -1); /* somebody listens */
    assert_non_null(strstr(fault.message, "in use"));
    assert_non_null(strstr(fault.message, "--unix"));

    close(fd);
    fd = listen_unix(path, url, sizeof url, &fault); /* stale now */
    assert_true(fd >= 0);
    close(fd);
    unlink(path);
}

/* A server whose queue is full listens none the less; asking it must not wait. */
static void a_busy_socket_is_not_stale(void **state)
{
    (void)state;
    struct fault fault;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int clients[8];
    strcpy(address.sun_path, path_of("busy"));
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 0), 0);
    for (int i = 0; i < 8; i++) {
        clients[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(clients[i], (struct sockaddr *)&address, sizeof address);
    }
    alarm(60);
    assert_int_equal(listen_unix(address.sun_path, url, sizeof url, &fault), -1);
    alarm(0);
    assert_int_equal(access(address.sun_path, F_OK), 0);
    for (int i = 0; i < 8; i++)
        close(clients[i]);
    close(fd);
    unlink(address.sun_path);
}

static void other_files_are_left_alone(void **state)
{
    (void)state;
    struct fault fault = {0};
    const char *path = path_of("file");
    close(open(path, O_CREAT | O_WRONLY, 0600));
    assert_int_equal(listen_unix(path, url, sizeof url, &fault), -1);
    assert_non_null(strstr(fault.message, "no socket"));
    assert_int_equal(access(path, F_OK), 0);
    unlink(path);
    assert_int_equal(listen_unix(folder, url, sizeof url, &fault), -1);
    assert_int_equal(symlink("/nonexistent/target", path), 0);
    assert_int_equal(listen_unix(path, url, sizeof url, &fault), -1);
    unlink(path);
}

static void paths_that_are_none(void **state)
{
    (void)state;
    struct fault fault = {0};
    char path[200];
    memset(path, 'x', sizeof path);
    path[108] = '\0';
    assert_int_equal(listen_unix(path, url, sizeof url, &fault), -1);
    assert_non_null(strstr(fault.message, "107"));
    assert_int_equal(listen_unix("", url, sizeof url, &fault),
                     -1); /* not an abstract one */
    assert_int_equal(listen_unix("/nonexistent/s", url, sizeof url, &fault), -1);
    assert_non_null(strstr(fault.message, "/nonexistent/s"));
}

/* As a service manager does it: the socket is descriptor 3, which the test puts back. */
static int inherit(int given, const char *pid, const char *n, int *fd,
                   struct fault *fault)
{
    int kept = dup(FIRST_INHERITED);
    if (given >= 0)
        dup2(given, FIRST_INHERITED);
    else
        close(FIRST_INHERITED);
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", n, 1);
    int result = listen_inherited(fd, url, sizeof url, fault);
    assert_null(getenv("LISTEN_FDS"));
    close(FIRST_INHERITED);
    if (kept >= 0) {
        dup2(kept, FIRST_INHERITED);
        close(kept);
    }
    return result;
}

static void inherited(void **state)
{
    (void)state;
    struct fault fault = {0};
    char tcp_url[300], self[20];
    int low = dup(0); /* so that what follows is above 3 */
    int lower = dup(0);
    int fd, listener = listen_tcp("127.0.0.1", 0, tcp_url, sizeof tcp_url, &fault);
    int other = socket(AF_INET, SOCK_STREAM, 0);
    snprintf(self, sizeof self, "%d", (int)getpid());

    assert_int_equal(inherit(listener, self, "1", &fd, &fault), 0);
    assert_int_equal(fd, 3);
    assert_string_equal(url, tcp_url);
    assert_int_equal(inherit(listener, "1", "1", &fd, &fault), 0);
    assert_int_equal(fd, -1);
    assert_int_equal(inherit(listener, self, "none", &fd, &fault), 0);
    assert_int_equal(fd, -1);
    assert_int_equal(inherit(listener, self, "2", &fd, &fault), -1);
    assert_non_null(strstr(fault.message, "2 sockets"));
    assert_int_equal(inherit(other, self, "1", &fd, &fault), -1);
    assert_non_null(strstr(fault.message, "does not listen"));
    assert_int_equal(inherit(-1, self, "1", &fd, &fault), -1);
    close(listener);
    close(other);
    close(low);
    close(lower);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tcp),
        cmocka_unit_test(ipv6),
        cmocka_unit_test(what_is_no_address),
        cmocka_unit_test(unix_sockets),
        cmocka_unit_test(a_busy_socket_is_not_stale),
        cmocka_unit_test(other_files_are_left_alone),
        cmocka_unit_test(paths_that_are_none),
        cmocka_unit_test(inherited),
    };
    if (!mkdtemp(folder))
        return 1;
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(folder);
    return failures;
}
