/*
 * Which nodes a job sweeps: all that the request wants, and those that turn up while it runs.
 */
#include "kill/job_internal.h"

#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "redis/server_info.h"

/* Nodes that turn up while a kill runs are swept too; a group that never settles is not chased. */
#define MAX_ROUNDS 5

static bool is_swept(const struct job *job, const struct link *link)
{
	for (size_t i = 0; i < job->n_sweeps; i++) {
		if (sweep_link(job->sweeps[i]) == link) {
			return true;
		}
	}
	return false;
}

static void add_sweep(struct job *job, struct link *link, struct report_node *node)
{
	struct sweep_inputs inputs = job->in;

	inputs.link = link;
	inputs.node = node;
	job->sweeps = mem_grow_array(
		job->sweeps, job->n_sweeps, &job->sweeps_capacity, sizeof(struct sweep *));
	job->sweeps[job->n_sweeps++] = sweep_new(&inputs);
}

static bool is_reported(const struct job *job, const char *address)
{
	const struct topology *topology = job->in.instance->topology;

	for (size_t i = 0; i < topology_n_nodes(topology); i++) {
		if (topology_is_called(topology, topology_node(topology, i), slice_of(address))) {
			return true;
		}
	}
	for (size_t i = 0; i < job->report->n_nodes; i++) {
		if (strcmp(job->report->nodes[i].address, address) == 0) {
			return true;
		}
	}
	return false;
}

/* They were nodes when the request was accepted: to pass over them would look like success. */
static void add_missing_nodes(struct job *job)
{
	for (size_t i = 0; i < job->request->n_nodes; i++) {
		const char *address = job->request->nodes[i];

		if (!is_reported(job, address)) {
			report_node_fail(report_add_node(job->report, address),
				"no node of this instance any more");
		}
	}
}

static bool wants(const struct job *job, const struct link *link)
{
	const struct request *request = job->request;

	for (size_t i = 0; i < request->n_nodes; i++) {
		if (topology_is_called(
			    job->in.instance->topology, link, slice_of(request->nodes[i]))) {
			return true;
		}
	}
	return request->n_nodes == 0;
}

/* One address of a name that leads nowhere, or a second one of a server. */
static bool is_left_out(struct job *job, const struct link *link)
{
	const struct link *twin = topology_twin(job->in.instance->topology, link);

	return twin != NULL && wants(job, twin);
}

static bool has_address(const struct report_node *node, const char *address)
{
	for (size_t i = 0; i < node->n_also; i++) {
		if (strcmp(node->also[i], address) == 0) {
			return true;
		}
	}
	return false;
}

/*
 * A second address of a server that an earlier round has swept. That both are one is known of open
 * connections only, and the first one's may be lost by now: that it was so has to do while it is
 * the same process.
 */
static bool was_swept_by_another_address(const struct job *job, const struct link *link)
{
	const char *run_id = link_server(link)->run_id;

	for (size_t i = 0; i < job->report->n_nodes; i++) {
		const struct report_node *node = &job->report->nodes[i];

		if (!node->is_failed && !node->is_left_out && run_id[0] != '\0' &&
			server_info_is_same_process(node->run_id, run_id) &&
			has_address(node, link_address(link))) {
			return true;
		}
	}
	return false;
}

/* By which its server is reached as well. */
static void add_addresses(struct report_node *node, const struct job *job, const struct link *link)
{
	const struct topology *topology = job->in.instance->topology;

	for (size_t i = 0; i < topology_n_nodes(topology); i++) {
		const struct link *other = topology_node(topology, i);

		if (topology_twin(topology, other) == link) {
			report_node_add_address(node, link_address(other));
		}
	}
}

/*
 * Is it, or may it be, the process that the request is for? One that is known to be another is not
 * swept, and once it is known which it is, nobody else is.
 */
static bool may_be_process(const struct job *job, const struct link *link)
{
	const struct topology *topology = job->in.instance->topology;
	const char *run_id = job->request->run_id;

	if (run_id == NULL || strcmp(link_server(link)->run_id, run_id) == 0) {
		return true;
	}
	for (size_t i = 0; i < topology_n_nodes(topology); i++) {
		if (strcmp(link_server(topology_node(topology, i))->run_id, run_id) == 0) {
			return false;
		}
	}
	return link_state(link) != LINK_READY;
}

/* The nodes of the report are put in place before the first sweep points there. */
bool job_start_round(struct job *job)
{
	const struct topology *topology = job->in.instance->topology;
	size_t n_nodes = topology_n_nodes(topology);
	CLEANUP(mem_free_p) struct link **links = mem_alloc_array(n_nodes, sizeof(struct link *));
	size_t first = job->n_sweeps;
	size_t n = 0;

	CHECK(job->n_running == 0);
	for (size_t i = 0; i < n_nodes; i++) {
		struct link *link = topology_node(topology, i);

		if (wants(job, link) && !is_swept(job, link) && !is_left_out(job, link) &&
			!was_swept_by_another_address(job, link) && may_be_process(job, link)) {
			links[n++] = link;
			add_addresses(report_add_node(job->report, link_address(link)), job, link);
		}
	}
	if (job->request->run_id == NULL) {
		add_missing_nodes(job);
	}
	for (size_t i = 0; i < n; i++) {
		add_sweep(job, links[i], &job->report->nodes[first + i]);
	}
	job->n_rounds++;
	job->n_running = n;
	job->is_decided = false;
	for (size_t i = 0; i < n; i++) {
		sweep_start(job->sweeps[first + i]);
	}
	return n > 0;
}

/* By the address that stands first, or by the other one where that has begun already. */
static bool is_swept_by(const struct job *job, const struct sweep *sweep, const struct sweep *other)
{
	const struct topology *topology = job->in.instance->topology;

	return topology_twin(topology, sweep_link(sweep)) == sweep_link(other) ||
	       (topology_twin(topology, sweep_link(other)) == sweep_link(sweep) &&
		       sweep_state_of(other) > SWEEP_PROVE);
}

/* It was known as another process than the one that is wanted, and is done without a look. */
static bool was_not_meant(const struct sweep *sweep)
{
	return sweep_state_of(sweep) == SWEEP_DONE && !sweep_has_met_process(sweep);
}

bool job_is_twin_swept(void *context, const struct sweep *sweep)
{
	struct job *job = context;

	for (size_t i = 0; i < job->n_sweeps; i++) {
		struct report_node *node =
			&job->report->nodes[sweep_node(job->sweeps[i], job->report)];

		if (job->sweeps[i] != sweep && !node->is_left_out && !node->is_failed &&
			!was_not_meant(job->sweeps[i]) && is_swept_by(job, sweep, job->sweeps[i])) {
			report_node_add_address(node, link_address(sweep_link(sweep)));
			return true;
		}
	}
	return false;
}

bool job_is_round_due(const struct job *job)
{
	return job->n_rounds < MAX_ROUNDS && job->request->n_nodes == 0 &&
	       job->request->run_id == NULL && !job->request->is_dry_run &&
	       !job->report->is_too_many && job->report->state != REPORT_CANCELLED &&
	       clock_monotonic_ms() < job->in.deadline_ms;
}
