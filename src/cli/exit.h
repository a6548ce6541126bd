/* exit.h: what a process's exit status means; `signalbox help exit` prints this table. */
#ifndef SB_CLI_EXIT_H
#define SB_CLI_EXIT_H

enum exit_status {
    EXIT_DONE = 0,      /* done; for a change: carried out */
    EXIT_FAILED = 1,    /* could not be done; the message says why */
    EXIT_USAGE = 2,     /* the command line is not right */
    EXIT_WAITS = 3,     /* the change waits for a person, or is in trouble */
    EXIT_OTHERWISE = 4, /* the change ended, but not carried out: rolled back, stopped, cancelled */
    EXIT_UNKNOWN = 5,   /* there is no such change, client, page ... */
    EXIT_DENIED = 6,    /* you may not do that */
    EXIT_CONFLICT = 7,  /* somebody else was first, or holds the store */
};

#endif
