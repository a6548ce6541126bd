/* drivers.h: the drivers by name, for their own files and the table in drivers.c. Everybody else asks
 * driver_find. */
#ifndef SB_SYSTEMS_DRIVERS_H
#define SB_SYSTEMS_DRIVERS_H

#include "systems/system.h"

extern const struct driver builtin_calendar_driver;   /* calendar */
extern const struct driver builtin_statuspage_driver; /* statuspage */
extern const struct driver builtin_tickets_driver;    /* tickets */
extern const struct driver caldav_driver;             /* calendar */
extern const struct driver command_cluster_driver;    /* cluster */
extern const struct driver command_pipeline_driver;   /* pipeline */
extern const struct driver csv_driver;                /* owners */
extern const struct driver git_driver;                /* releases */
extern const struct driver github_driver;             /* releases */
extern const struct driver google_driver;             /* calendar */
extern const struct driver grafana_driver;            /* health */
extern const struct driver http_driver;               /* health */
extern const struct driver jenkins_driver;            /* pipeline */
extern const struct driver jira_driver;               /* tickets */
extern const struct driver jsm_driver;                /* pager */
extern const struct driver kubernetes_driver;         /* cluster */
extern const struct driver mail_driver;               /* chat */
extern const struct driver none_cluster_driver;       /* cluster */
extern const struct driver prometheus_driver;         /* health */
extern const struct driver opsgenie_driver;           /* pager */
extern const struct driver pagerduty_driver;          /* pager */
extern const struct driver roster_driver;             /* pager */
extern const struct driver sheet_driver;              /* owners */
extern const struct driver slack_driver;              /* chat */
extern const struct driver statuspage_driver;         /* statuspage */
extern const struct driver timeline_driver;           /* chat */

#endif
