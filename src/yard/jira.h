/* jira.h: what the files of the Jira stand-in share. jira.c: paths; jira_query.c: JQL; jira_document.c:
 * Atlassian's document format. */
#ifndef SB_YARD_JIRA_H
#define SB_YARD_JIRA_H

#include "yard/route.h"

/* NULL when Jira would take this as rich text, else what is wrong with it. */
const char *jira_document_fault(const json_t *document);

/* Does an issue fit the query? `*fault` is set, in the arena, when the query cannot be read. Understood:
 * conditions on project, key, labels, status, statusCategory, issuetype, summary joined by AND; ORDER BY is
 * read over. */
bool jira_query_fits(const char *jql, const json_t *issue, struct arena *a, const char **fault);

#endif
