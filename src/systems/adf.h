/* adf.h: Markdown as the Atlassian Document Format, in which Jira takes its rich texts.
 *
 * Pure. Only nodes that Jira's fields accept come out, nested only as it accepts them: what has no place
 * where it stands (a table in a list) becomes paragraphs, what has no form at all (HTML) its text. Links lead
 * to http, https and mailto only. */
#ifndef SB_SYSTEMS_ADF_H
#define SB_SYSTEMS_ADF_H

#include <jansson.h>

/* Jira takes 32,767 characters in a field; our Markdown is cut before that. */
enum { ADF_MARKDOWN_MAX = 30000 };

/* {"type": "doc", "version": 1, "content": [...]}. New reference. */
json_t *adf_of_markdown(const char *markdown);

#endif
