/*
 * The contract between the daemon and its command-line client: paths, headers and default places.
 * The one header of control/ that cli/ may include.
 */
#ifndef CONTROL_NAMES_H
#define CONTROL_NAMES_H

#define NAMES_RUNTIME_DIRECTORY "sesskill" /* below /run or $XDG_RUNTIME_DIR */
#define NAMES_SOCKET_FILE "control.sock"
#define NAMES_SYSTEM_SOCKET "/run/sesskill/control.sock"

/* Where the sample configuration has it. */
#define NAMES_SERVICE_USER "sesskill"
#define NAMES_CREDENTIALS "/run/credentials/sesskilld.service" /* of the running service */
#define NAMES_AUDIT_FILE "/var/log/sesskill/audit.jsonl"

#define NAMES_PATH_DAS "/"
#define NAMES_PATH_INSTANCES "/v1/instances"
#define NAMES_HISTORY "history" /* below an instance */
#define NAMES_PATH_KILLS "/v1/kills"
#define NAMES_PATH_GUARDS "/v1/guards"
#define NAMES_PATH_LEASES "/v1/leases"
#define NAMES_KEEP_OUT "sesskill:KeepOut" /* the access action */
#define NAMES_PATH_HEALTH "/healthz"
#define NAMES_PATH_METRICS "/metrics"

#define NAMES_HEADER_REQUEST_ID "x-acs-request-id"
#define NAMES_HEADER_ACTION "x-acs-action"
#define NAMES_HEADER_VERSION "x-acs-version"
#define NAMES_HEADER_RETRY_AFTER "x-acs-retry-after"

#define NAMES_TYPE_FORM "application/x-www-form-urlencoded"
#define NAMES_TYPE_JSON "application/json"
#define NAMES_TYPE_NDJSON "application/x-ndjson"
#define NAMES_TYPE_TEXT "text/plain; charset=utf-8"

#endif
