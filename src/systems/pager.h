/* pager.h: the role "pager": who is on call, and how they are called.
 *
 * pager.oncall (looks)
 *   arguments  schedule: schedule or team
 *   result     {"people": [{"name", "mail", "phone", "until" (UTC ms, 0 = not known)}], "schedule"}
 *              A schedule that does not exist is FAILED, with near names. Nobody on call is DONE with an empty list.
 * pager.alert (effect)
 *   arguments  to (team or schedule), summary; details, priority ("P1" .. "P5", default "P1") optional
 *   result     {"alert": id}
 *   find       by the key, which the alert carries as its alias (or is its id): exact while the system keeps it
 * pager.acknowledged (looks)
 *   arguments  alert
 *   result     {"by", "at"}; progress view {"status": "open"}. Waits; the step's time limit ends it. An alert that was closed counts
 *              as acknowledged by whoever closed it.
 * pager.close (effect)
 *   arguments  alert; note (optional)
 *   result     {"alert"}
 *   repeatable a closed alert stays closed */
#ifndef SB_SYSTEMS_PAGER_H
#define SB_SYSTEMS_PAGER_H

#endif
