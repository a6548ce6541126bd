/* bad_disk.h: a slow disk, for tests of the whole program. SIGNALBOX_SLOW_DISK=MS makes each write of the database
 * take so many milliseconds longer. Only in builds with crash points; in all others there is nothing of it. */
#ifndef SB_STORE_BAD_DISK_H
#define SB_STORE_BAD_DISK_H

#ifdef SB_CRASHPOINTS
/* Before the first database is opened. */
void bad_disk_setup(void);
#else
static inline void bad_disk_setup(void)
{
}
#endif

#endif
