/* Fuzzes multipart.c and form.c: a body (its first line is the boundary) from memory and
   from a file gives the same; strings are valid UTF-8; files are windows of the body. */
#include "base/utf8.h"
#include "multipart.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static void check(bool is_right)
{
    if (!is_right)
        abort();
}

static void check_form(const struct form *form, uint64_t size)
{
    for (size_t i = 0; i < form->fields.n; i++)
        check(utf8_is_valid(form->fields.items[i].name) &&
              utf8_is_valid(form->fields.items[i].value));
    for (size_t i = 0; i < form->n_files; i++) {
        const struct form_file *file = &form->files[i];
        check(file->offset <= size && file->length <= size - file->offset);
        check(utf8_is_valid(file->name) && utf8_is_valid(file->filename));
        check(utf8_is_valid(file->content_type));
    }
}

static int body_file(void)
{
    static int fd = -1;
    if (fd < 0)
        fd = memfd_create("body", 0);
    return fd;
}

static void parse_both(struct str boundary, struct str body)
{
    struct form_limits limits = {100, 100000};
    struct form_source memory = {.memory = body.p, .size = body.n};
    struct form_source file = {.fd = body_file(), .size = body.n};
    check(ftruncate(file.fd, 0) == 0);
    check(pwrite(file.fd, body.p, body.n, 0) == (ssize_t)body.n);
    struct arena a = {0};
    struct form forms[2] = {0};
    struct fault faults[2] = {0};
    multipart_parse(&a, &memory, boundary, &limits, &forms[0], &faults[0]);
    multipart_parse(&a, &file, boundary, &limits, &forms[1], &faults[1]);
    check(faults[0].status == faults[1].status);
    check(forms[0].fields.n == forms[1].fields.n && forms[0].n_files == forms[1].n_files);
    check_form(&forms[0], body.n);
    check_form(&forms[1], body.n);
    for (size_t i = 0; i < forms[0].fields.n; i++)
        check(str_eq(forms[0].fields.items[i].value, forms[1].fields.items[i].value));
    for (size_t i = 0; i < forms[0].n_files; i++)
        check(forms[0].files[i].offset == forms[1].files[i].offset &&
              forms[0].files[i].length == forms[1].files[i].length);
    arena_free(&a);
}

static void parse_query(struct str s)
{
    struct arena a = {0};
    struct pairs list = {0};
    check(form_parse_query(&a, s, &list) == 0);
    for (size_t i = 0; i < list.n; i++)
        check(utf8_is_valid(list.items[i].name) && utf8_is_valid(list.items[i].value));
    arena_free(&a);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct str body = {(const char *)data, size};
    parse_query(body);
    struct str boundary = str_cut(&body, '\n');
    if (body.n)
        parse_both(boundary, body);
    return 0;
}
