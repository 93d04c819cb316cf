#include "link.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>

static int pair[2];

static int open_pair(void **state)
{
    (void)state;
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair);
}

static int close_pair(void **state)
{
    (void)state;
    close(pair[0]);
    close(pair[1]);
    master = -1;
    return 0;
}

static void messages_arrive_whole_and_in_order(void **state)
{
    (void)state;
    struct link_message m = {.kind = LINK_LISTEN_TCP, .port = 5000, .text = "localhost"};
    int passed;
    assert_int_equal(link_receive(pair[1], &m, &passed), 0);
    link_send(pair[0], &m, -1);
    link_send(pair[0], &(struct link_message){.kind = LINK_BEAT}, -1);
    memset(&m, 0, sizeof m);
    assert_int_equal(link_receive(pair[1], &m, &passed), 1);
    assert_int_equal(m.kind, LINK_LISTEN_TCP);
    assert_int_equal(m.port, 5000);
    assert_string_equal(m.text, "localhost");
    assert_int_equal(passed, -1);
    assert_int_equal(link_receive(pair[1], &m, &passed), 1);
    assert_int_equal(m.kind, LINK_BEAT);
    assert_int_equal(link_receive(pair[1], &m, &passed), 0);
}

static void descriptors_are_passed(void **state)
{
    (void)state;
    struct link_message m = {.kind = LINK_SOCKET};
    int ends[2], passed;
    char byte = 0;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(link_send(pair[0], &m, ends[1]), 0);
    close(ends[1]);
    assert_int_equal(link_receive(pair[1], &m, &passed), 1);
    assert_true(fcntl(passed, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(write(passed, "x", 1), 1);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    assert_int_equal(byte, 'x');
    close(passed);
    close(ends[0]);
}

static void who_has_gone_is_noticed(void **state)
{
    (void)state;
    struct link_message m = {.kind = LINK_BEAT};
    int passed;
    close(pair[0]);
    assert_int_equal(link_receive(pair[1], &m, &passed), -1);
    assert_int_equal(link_send(pair[1], &m, -1), -1);
    pair[0] = dup(0);
}

static void who_does_not_read_is_not_waited_for(void **state)
{
    (void)state;
    struct link_message m = {.kind = LINK_BEAT};
    int sent = 0;
    while (link_send(pair[0], &m, -1) == 0)
        assert_true(sent++ < 100000);
}

static void the_masters_refusal_is_the_workers_fault(void **state)
{
    (void)state;
    struct link_message m = {.kind = LINK_REFUSED, .text = "no room"};
    struct fault fault;
    char url[300], name[600];
    int passed;
    link_open(pair[0], false);
    assert_true(link_has_master() && !link_is_first());
    link_send(pair[1], &m, -1);
    assert_int_equal(link_listen("/tmp/s", NULL, 0, url, sizeof url, &fault), -1);
    assert_string_equal(fault.message, "no room");
    assert_int_equal(link_receive(pair[1], &m, &passed), 1);
    assert_int_equal(m.kind, LINK_LISTEN_UNIX);
    assert_string_equal(m.text, "/tmp/s");
    memset(name, 'a', sizeof name);
    name[sizeof name - 1] = '\0';
    assert_int_equal(link_listen(NULL, name, 1, url, sizeof url, &fault), -1);
    close(pair[1]);
    assert_int_equal(link_listen("/tmp/s", NULL, 0, url, sizeof url, &fault), -1);
    pair[1] = dup(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(messages_arrive_whole_and_in_order, open_pair,
                                        close_pair),
        cmocka_unit_test_setup_teardown(descriptors_are_passed, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(who_has_gone_is_noticed, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(who_does_not_read_is_not_waited_for, open_pair,
                                        close_pair),
        cmocka_unit_test_setup_teardown(the_masters_refusal_is_the_workers_fault,
                                        open_pair, close_pair),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
