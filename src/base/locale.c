#include "base/locale.h"

#include <pthread.h>
#include <stdlib.h>

static locale_t ours;

static void make(void)
{
    ours = newlocale(LC_ALL_MASK, "C.UTF-8", NULL);
    if (ours == NULL)
        ours = newlocale(LC_ALL_MASK, "C", NULL);
    if (ours == NULL)
        abort();
}

locale_t locale_ours(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make);
    return ours;
}
