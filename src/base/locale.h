/* locale.h: the one locale in which we read and write, whatever the user's is: numbers with a point, UTF-8
 * widths. Made once, kept for the life of the process. Thread-safe. */
#ifndef SB_BASE_LOCALE_H
#define SB_BASE_LOCALE_H

#include <locale.h>

/* C.UTF-8, or plain C on a system that lacks it. */
locale_t locale_ours(void);

#endif
