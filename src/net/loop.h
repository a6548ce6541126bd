/* loop.h: the one loop thread: libuv, with what every room above needs of it. All functions belong to the
 * loop's thread unless they say otherwise. */
#ifndef SB_NET_LOOP_H
#define SB_NET_LOOP_H

#include "base/error.h"
#include <stdint.h>
#include <uv.h>

struct loop;

struct loop *loop_new(void);
/* Closes all that was left open (timers included) and frees. Clients (http, server, processes) must be closed
 * first. Work that the pool has begun is waited for; neither its `done` nor a posted call is made any more.
 */
void loop_free(struct loop *l);
uv_loop_t *loop_uv(struct loop *l);

/* Runs until loop_stop (also one from before the call), or until nothing is left to wait for. */
void loop_run(struct loop *l);
/* One round; waits at most until something happens when `wait`. */
void loop_once(struct loop *l, bool wait);
void loop_stop(struct loop *l);

/* Wall clock in UTC ms (real time, not the drill's). */
int64_t loop_wall_ms(void);
/* Monotonic ms. */
int64_t loop_mono_ms(void);

/* One-shot timer on the monotonic clock. Returns a handle that stays valid until it has fired or was
 * cancelled. */
struct timer;
struct timer *timer_start(struct loop *l, int64_t after_ms, void (*fn)(void *ctx), void *ctx);
void timer_cancel(struct timer *t); /* NULL is fine; after it, fn is never called */

/* Thread-safe: has `fn(ctx)` called on the loop's thread soon, in the order of posting. */
void loop_post(struct loop *l, void (*fn)(void *ctx), void *ctx);

/* Runs `work(ctx)` on libuv's pool, then `done(ctx)` on the loop: for libraries and files that would block.
 */
void loop_work(struct loop *l, void (*work)(void *ctx), void (*done)(void *ctx), void *ctx);
/* As loop_work; when the loop is freed before, `drop(ctx)` is called instead of `done`, once the pool has let go. */
void loop_work_or_drop(struct loop *l, void (*work)(void *ctx), void (*done)(void *ctx),
                       void (*drop)(void *ctx), void *ctx);

/* SIGINT and SIGTERM call `fn(ctx, signum)` on the loop instead of ending the process. */
void loop_signals(struct loop *l, void (*fn)(void *ctx, int signum), void *ctx);

/* `fn(ctx)` is called when the loop is freed, unless dropped before: for what outlives its owner (a child
 * process that was told to end and has not yet). It closes its handles; their close callbacks still run. */
struct loop_end;
struct loop_end *loop_at_end(struct loop *l, void (*fn)(void *ctx), void *ctx);
void loop_end_drop(struct loop_end *e); /* NULL is fine */

#endif
