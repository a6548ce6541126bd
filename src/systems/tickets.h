/* tickets.h: the role "tickets": the change ticket.
 *
 * tickets.create (effect)
 *   arguments  summary; description (Markdown), labels, type (optional)
 *   result     {"id": "OPS-118", "url"}
 *   find       by the key, kept in the ticket (issue property, or the document's id): exact
 * tickets.transition (effect)
 *   arguments  ticket, to (name of the transition or of the status it leads to); resolution (optional)
 *   result     {"status": "Done"}: the status now. A ticket that is in that status already is DONE without a transition.
 *   repeatable for that reason
 * tickets.comment (effect)
 *   arguments  ticket, text (Markdown)
 *   result     {"id"}
 *   find       by the key, kept with the comment
 * tickets.link (effect)
 *   arguments  ticket, url, title
 *   result     {"id"}. One link an effect's key, so repeating replaces it: repeatable
 *
 * A ticket that is not there is FAILED. */
#ifndef SB_SYSTEMS_TICKETS_H
#define SB_SYSTEMS_TICKETS_H

#endif
