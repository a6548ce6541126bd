/* drivers.c: every driver, by role. A new driver is its own file and one line here. */
#include "systems/drivers.h"
#include <stddef.h>

const struct driver *const drivers[] = {
    &builtin_calendar_driver,
    &builtin_statuspage_driver,
    &builtin_tickets_driver,
    &caldav_driver,
    &command_cluster_driver,
    &command_pipeline_driver,
    &csv_driver,
    &git_driver,
    &github_driver,
    &google_driver,
    &grafana_driver,
    &http_driver,
    &jenkins_driver,
    &jira_driver,
    &jsm_driver,
    &kubernetes_driver,
    &mail_driver,
    &none_cluster_driver,
    &prometheus_driver,
    &opsgenie_driver,
    &pagerduty_driver,
    &roster_driver,
    &sheet_driver,
    &slack_driver,
    &statuspage_driver,
    &timeline_driver,
    NULL,
};
