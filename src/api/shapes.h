/* shapes.h: the objects that several answers of the API have: rows of the table in routes.c name them. */
#ifndef SB_API_SHAPES_H
#define SB_API_SHAPES_H

#include "api/inside.h"

#define FIELDS(...) ((const struct api_field[]){__VA_ARGS__, {NULL, API_ANY, false, NULL, NULL, false}})
#define NO_FIELDS   ((const struct api_field[]){{NULL, API_ANY, false, NULL, NULL, false}})

extern const struct api_shape shape_route, shape_service, shape_window, shape_summary, shape_change,
    shape_event, shape_question, shape_planned_step, shape_planned_ask, shape_planned_problem, shape_page,
    shape_page_short, shape_system, shape_token, shape_problem, shape_alert, shape_unknown, shape_client,
    shape_told, shape_place;

#endif
