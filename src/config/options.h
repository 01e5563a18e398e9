/*
 * Makes and releases options structs that the configuration fills.
 */
#ifndef CONFIG_OPTIONS_H
#define CONFIG_OPTIONS_H

#include "control/access.h"
#include "kill/instance.h"

/* A copy of all that `defaults` can set: no id, no endpoints. */
void options_copy_instance(struct instance_opts *ret_copy, const struct instance_opts *defaults);

/*
 * After an instance was read: how to get into those who are asked about its nodes, as far as it was
 * not said. Cluster nodes are asked as they are killed on; Sentinels have an account of their own.
 */
void options_complete_questions(struct instance_opts *opts);

/* Zeroed is fine. */
void options_finish_statement(struct access_statement *statement);

#endif
