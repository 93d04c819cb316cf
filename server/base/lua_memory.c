/* Lua's small blocks: pages, each with blocks of one size and a list of those that are
   free. A request makes hundreds of strings and tables and the collector frees them soon:
   here both are a few instructions, as Lua tells a block's size when it frees it. */
#include "base/lua_memory.h"

#if LUA_VERSION_NUM >= 504

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    PAGE_SIZE = 8192, /* a page lies at a multiple of it: so a block knows its page */
    MALLOC_HEAD = 16, /* what malloc wants around each, so that they lie side by side */
    STEP = 16,        /* bytes between one size of blocks and the next */
    LARGEST = 512,    /* bytes; larger blocks are malloc's */
    SIZES = LARGEST / STEP,
    FEW = 64 /* empty pages that are kept in any case */
};

struct block {
    struct block *next;
};

struct page {
    struct page *next, *previous; /* of those of its size that have room */
    struct block *free;
    size_t used; /* blocks */
};

struct memory {
    struct page *with_room[SIZES];
    struct page *empty; /* of no size, for any */
    size_t n_used, n_empty;
    bool warns, is_in_warning;
};

/* ---- pages ---- */

static void link_page(struct page **list, struct page *page)
{
    page->previous = NULL;
    page->next = *list;
    if (*list)
        (*list)->previous = page;
    *list = page;
}

static void unlink_page(struct page **list, struct page *page)
{
    if (page->previous)
        page->previous->next = page->next;
    else
        *list = page->next;
    if (page->next)
        page->next->previous = page->previous;
}

static struct page *take_empty(struct memory *memory)
{
    struct page *page = memory->empty;
    if (!page) {
        void *p;
        return posix_memalign(&p, PAGE_SIZE, PAGE_SIZE - MALLOC_HEAD) == 0 ? p : NULL;
    }
    memory->empty = page->next;
    memory->n_empty--;
    return page;
}

/* As many empty ones are kept as are in use: how full Lua's heap is goes up and down with
   each of the collector's cycles. */
static void give_empty(struct memory *memory, struct page *page)
{
    if (memory->n_empty >= memory->n_used + FEW) {
        free(page);
        return;
    }
    page->next = memory->empty;
    memory->empty = page;
    memory->n_empty++;
}

static void free_pages(struct page *page)
{
    while (page) {
        struct page *next = page->next;
        free(page);
        page = next;
    }
}

/* realloc; the empty pages are given up before it fails. */
static void *resize_large(struct memory *memory, void *p, size_t size)
{
    void *moved = realloc(p, size);
    if (moved || !memory->empty)
        return moved;
    free_pages(memory->empty);
    memory->empty = NULL;
    memory->n_empty = 0;
    return realloc(p, size);
}

/* A page of free blocks, the first first; NULL: out of memory. */
static struct page *add_page(struct memory *memory, size_t number)
{
    size_t size = (number + 1) * STEP;
    struct page *page = take_empty(memory);
    if (!page)
        return NULL;
    page->used = 0;
    page->free = NULL;
    char *first = (char *)page + (sizeof *page + STEP - 1) / STEP * STEP;
    size_t n = (size_t)((char *)page + PAGE_SIZE - MALLOC_HEAD - first) / size;
    while (n-- > 0) {
        struct block *block = (struct block *)(first + n * size);
        block->next = page->free;
        page->free = block;
    }
    memory->n_used++;
    link_page(&memory->with_room[number], page);
    return page;
}

/* ---- blocks ---- */

static bool is_small(size_t size)
{
    return size <= LARGEST;
}

/* Of the blocks that are large enough, which is not 0 bytes. */
static size_t number_of(size_t size)
{
    return (size - 1) / STEP;
}

static void *take_small(struct memory *memory, size_t number)
{
    struct page *page = memory->with_room[number];
    if (!page && !(page = add_page(memory, number)))
        return NULL;
    struct block *block = page->free;
    page->free = block->next;
    page->used++;
    if (!page->free)
        unlink_page(&memory->with_room[number], page);
    return block;
}

static void give_small(struct memory *memory, void *p, size_t number)
{
    struct page **list = &memory->with_room[number];
    struct page *page = (struct page *)((uintptr_t)p & ~(uintptr_t)(PAGE_SIZE - 1));
    struct block *block = p;
    if (!page->free)
        link_page(list, page);
    block->next = page->free;
    page->free = block;
    if (--page->used > 0 || (*list == page && !page->next))
        return;
    unlink_page(list, page);
    memory->n_used--;
    give_empty(memory, page);
}

static void *take(struct memory *memory, size_t size)
{
    return is_small(size) ? take_small(memory, number_of(size))
                          : resize_large(memory, NULL, size);
}

static void give(struct memory *memory, void *p, size_t size)
{
    if (is_small(size))
        give_small(memory, p, number_of(size));
    else
        free(p);
}

static void *resize(struct memory *memory, void *p, size_t old, size_t size)
{
    if (!is_small(old) && !is_small(size))
        return resize_large(memory, p, size);
    if (is_small(old) && is_small(size) && number_of(old) == number_of(size))
        return p;
    void *moved = take(memory, size);
    if (!moved)
        return NULL;
    memcpy(moved, p, old < size ? old : size);
    give(memory, p, old);
    return moved;
}

/* Lua's lua_Alloc: `old` is no size where p is NULL. */
static void *allocate(void *arg, void *p, size_t old, size_t size)
{
    struct memory *memory = arg;
    if (!p || old == 0)
        return size ? take(memory, size) : NULL;
    if (size)
        return resize(memory, p, old, size);
    give(memory, p, old);
    return NULL;
}

/* All blocks have been given back. */
static void free_memory(struct memory *memory)
{
    for (size_t i = 0; i < SIZES; i++)
        free_pages(memory->with_room[i]);
    free_pages(memory->empty);
    free(memory);
}

/* ---- what else luaL_newstate gives a state ---- */

static int panic(lua_State *L)
{
    const char *text = lua_tostring(L, -1);
    fprintf(stderr, "PANIC: unprotected error in call to Lua API (%s)\n",
            text ? text : "error object is not a string");
    return 0; /* Lua aborts */
}

/* Lua's warn(...), and errors in __gc: off until warn("@on"). */
static void warn(void *arg, const char *text, int is_more)
{
    struct memory *memory = arg;
    if (!memory->is_in_warning && !is_more && *text == '@') {
        if (strcmp(text, "@on") == 0 || strcmp(text, "@off") == 0)
            memory->warns = strcmp(text, "@on") == 0;
        return;
    }
    if (memory->warns)
        fprintf(stderr, "%s%s%s", memory->is_in_warning ? "" : "Lua warning: ", text,
                is_more ? "" : "\n");
    memory->is_in_warning = is_more;
}

/* AddressSanitizer finds what is done to a freed block: of malloc's only. */
#if defined(__SANITIZE_ADDRESS__)
#define IS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_SANITIZED 1
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED 0
#endif

static lua_State *open_state(struct memory *memory)
{
    lua_State *L = lua_newstate(allocate, memory);
    if (!L) {
        free_memory(memory);
        return NULL;
    }
    lua_atpanic(L, panic);
    lua_setwarnf(L, warn, memory);
    return L;
}

static void close_state(lua_State *L)
{
    void *memory;
    lua_getallocf(L, &memory);
    lua_close(L);
    free_memory(memory);
}

lua_State *lua_memory_open(void)
{
    if (IS_SANITIZED)
        return luaL_newstate();
    struct memory *memory = calloc(1, sizeof *memory);
    return memory ? open_state(memory) : NULL;
}

void lua_memory_close(lua_State *L)
{
    if (IS_SANITIZED)
        lua_close(L);
    else
        close_state(L);
}

#else /* LuaJIT's own allocator does this */

lua_State *lua_memory_open(void)
{
    return luaL_newstate();
}

void lua_memory_close(lua_State *L)
{
    lua_close(L);
}

#endif
