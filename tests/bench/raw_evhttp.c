/* "Hello, World!" by libevent's evhttp as its manual has it, and nothing else: what the
   server's time per request is measured against. `raw_evhttp PORT` serves 127.0.0.1. */
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static void hello(struct evhttp_request *request, void *unused)
{
    static const char text[] = "Hello, World!";
    struct evbuffer *body = evhttp_request_get_output_buffer(request);

    (void)unused;
    evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type",
                      "text/html; charset=utf-8");
    evbuffer_add(body, text, sizeof text - 1);
    evhttp_send_reply(request, HTTP_OK, "OK", NULL);
}

static struct event_base *new_base(void)
{
    struct event_config *config = event_config_new();
    struct event_base *base = NULL;

    if (config && event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK) == 0)
        base = event_base_new_with_config(config);
    if (config)
        event_config_free(config);
    return base;
}

int main(int argc, char **argv)
{
    struct event_base *base = new_base();
    struct evhttp *http = base ? evhttp_new(base) : NULL;
    int port = argc == 2 ? atoi(argv[1]) : 0;

    if (!http || evhttp_bind_socket(http, "127.0.0.1", (ev_uint16_t)port) != 0) {
        fprintf(stderr, "raw_evhttp: can't listen on 127.0.0.1, port %d\n", port);
        return 1;
    }
    signal(SIGPIPE, SIG_IGN);
    evhttp_set_gencb(http, hello, NULL);
    event_base_dispatch(base);
    return 0;
}
