/* A pool of threads that run one function together (SPMD). The caller is thread 0; workers wait between jobs: they spin for about
 * 50 us, because a decode step has hundreds of barriers and the next token comes soon, and then sleep on a futex. */
#ifndef QCC_LIB_RUNTIME_POOL_H
#define QCC_LIB_RUNTIME_POOL_H
#include <stdbool.h>
#include <stdint.h>

typedef struct qccrt_pool qccrt_pool;
typedef void (*qccrt_job)(void *argument, int thread);

enum { QCCRT_MAX_THREADS = 1024 };

int64_t qccrt_now(void);                                      /* nanoseconds of a clock that never goes back */
int qccrt_num_cpus(void);                                     /* that this process may use; at least 1 */

/* False in a process that was forked from the one that made the pool: its workers do not exist there. */
bool qccrt_pool_is_here(const qccrt_pool *pool);

/* Starts threads - 1 workers (1 <= threads <= QCCRT_MAX_THREADS). Null when the system gives no memory or thread. */
qccrt_pool *qccrt_pool_create(int threads, bool pin);
void qccrt_pool_destroy(qccrt_pool *pool);
int qccrt_pool_threads(const qccrt_pool *pool);

/* Runs job(argument, t) on every thread t and returns when all have finished. Not reentrant. */
void qccrt_pool_run(qccrt_pool *pool, qccrt_job job, void *argument);

/* Inside a job: returns when every thread of the pool has called it; what was written before is then visible to all. True for the thread that
 * came last. */
bool qccrt_pool_barrier(qccrt_pool *pool);
#endif
