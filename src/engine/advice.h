/* advice.h: what a thoughtful colleague would ask about a plan: is that hour wise, is there time before it, is somebody else
 * there already? Questions, not refusals. */
#ifndef SB_ENGINE_ADVICE_H
#define SB_ENGINE_ADVICE_H

#include "base/window.h"
#include "engine/config.h"

/* What speaks against a window for a client, as a sentence in `a`; NULL = nothing. Pure. */
const char *advice_window(const char *work_week, const char *hours, const struct window *w, struct arena *a);
/* The nearest later window of the same length that nothing speaks against, within two weeks, not before `earliest`; false = none. Pure. */
bool advice_better(const char *work_week, const char *hours, const struct window *w, int64_t earliest, struct window *out);

#endif
