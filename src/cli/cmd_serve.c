/* serve: carries out changes for everybody: the socket on this machine, the HTTP API, the pages. */
#include "base/log.h"
#include "cli/pages.h"
#include <stdio.h>

enum { GOODBYE_MS = 200 };

static int run(struct args *a)
{
    struct error err = ERROR_NONE;
    const struct session_options o = {.carry = true};
    log_setup(opt_given(a, "verbose") ? LOG_DEBUG : LOG_INFO, opt_given(a, "json"));
    struct session *s = session_open(a, &o, &err);
    if (s && !session_local(s)) {
        error_set(&err, SB_CONFLICT, "another signalbox carries out the changes of %s already",
                  session_state_dir(s));
        session_close(s);
        return complain(&err);
    }
    if (!s)
        return complain(&err);
    struct pages *pages = pages_open(s, opt(a, "listen"), NULL, &err);
    int status = EXIT_DONE;
    if (!pages) {
        status = complain(&err);
    } else {
        printf("Serving on %s, and on %s/signalbox.sock\n", pages_url(pages), session_state_dir(s));
        fflush(stdout);
        while (!session_signal(s))
            session_wait(s, NULL, 60 * 60 * 1000);
        /* Whoever watches is told, and comes back to whoever serves next. */
        api_end_streams(session_api(s));
        session_pause(s, GOODBYE_MS);
    }
    pages_close(pages);
    session_close(s);
    return status;
}

const struct command cmd_serve = {
    .name = "serve",
    .usage = "",
    .says = "carry out changes for everybody on this machine and over HTTP, with its pages, until stopped",
    .examples =
        "signalbox serve\ton 127.0.0.1:7440\nsignalbox serve --listen 127.0.0.1:0\ton any free port\n",
    .group = 3,
    .options =
        {{"listen", 'l', OPTION_VALUE, "ADDR:PORT",
          "where to serve HTTP (default: systemd's socket, else what the configuration says, else 127.0.0.1:7440)",
          NULL}},
    .run = run,
};
