/**
 * The C text of the native runtime: opens compiled kernels and runs lists of launches on a pool of threads of its own.
 * Compiled once per machine, like the kernels (`compiler.ts`); called through `runtime.ts`.
 *
 * The pool's rules are those of `pool.ts`: chunks are claimed by compare-and-swap on one word that holds the job's number
 * and the next chunk, so a late thread cannot run a chunk of another job; the caller takes part; idle threads spin for a
 * moment, then sleep. A caller that waits for a thread whose processor another process has taken lends it its own. Threads block every signal, are detached, and die with the process. Each WebAssembly memory has a
 * pool of its own, so that several threads of a program can each have a device.
 *
 * A job block in the WebAssembly memory, 32-bit words: count, scratch, scratch stride, threads, then per launch the
 * entry's address (2 words), argument block, size, grain, and of the first of launches that run together (1: alone): how many, their
 * channels, channels at a time (its size is that of the launch, its grain counts channels), number of arguments, and what of them is in the scratch (0: nothing).
 */
export const RUNTIME_SOURCE = String.raw`
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define EXPORT __attribute__((visibility("default")))
#define MAX_POOLS 256
#define CLOSED 0xffffffffu
#define MAX_THREADS 64
#define MAX_TOGETHER 64
#define SPINS 4000

#if defined(__x86_64__) || defined(__i386__)
#define RELAX() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define RELAX() __asm__ volatile("yield")
#else
#define RELAX() ((void)0)
#endif

typedef int (*entry_fn)(uint8_t *mem, uint32_t args, int32_t lo, int32_t hi, uint32_t scratch);

struct launch { uint32_t entry[2]; uint32_t args; int32_t size; int32_t grain; int32_t together; int32_t channels; int32_t span; int32_t slots; uint32_t patches; };
/* Arguments that lie in the scratch, by channels, and where the arguments of the launches are copied to for that. */
struct patch { int32_t launch; uint32_t slot; uint32_t at; uint32_t step; };
struct patches { int32_t count; uint32_t arguments; struct patch of[]; };
struct job { int32_t count; uint32_t scratch; uint32_t stride; int32_t threads; struct launch launches[]; };

struct pool {
  uint8_t *mem;
  _Atomic uint64_t word; /* job number, next chunk */
  _Atomic uint32_t chunks;
  _Atomic int threads;
  const struct launch *launch;
  uint32_t scratch, stride;
  int32_t grain;
  _Atomic uint32_t done;
  _Atomic int trapped;
  _Atomic int sleepers;
  _Atomic int joining;
  int started;
  uint32_t number;
  pthread_mutex_t lock;
  pthread_cond_t work, finished;
  pthread_t thread[MAX_THREADS + 1];
  _Atomic int busy[MAX_THREADS + 1]; /* it may hold a chunk */
};

struct worker { struct pool *pool; int id; };

static struct pool *pools[MAX_POOLS];
static _Atomic int pool_count;

static entry_fn entry_of(const struct launch *l) {
  return (entry_fn)(uintptr_t)((uint64_t)l->entry[1] << 32 | l->entry[0]);
}

/* A range of a launch, or of the channels of several that run together: those go on to others when all have done some, so that
   what one has written is still in the caches when the next reads it. */
static int run_range(uint8_t *mem, const struct launch *l, int32_t lo, int32_t hi, uint32_t scratch) {
  if (l->together == 1) return entry_of(l)(mem, l->args, lo, hi, scratch);
  const struct patches *in = l->patches ? (const struct patches *)(mem + l->patches) : 0;
  uint32_t args[MAX_TOGETHER];
  for (int32_t k = 0; k < l->together; k++) args[k] = l[k].args;
  if (in) {
    uint32_t at = scratch + in->arguments;
    for (int32_t k = 0; k < l->together; k++) {
      memcpy(mem + at, mem + args[k], (size_t)l[k].slots * 8);
      args[k] = at;
      at += (uint32_t)l[k].slots * 8;
    }
  }
  for (int32_t c = lo; c < hi; c += l->span) {
    int32_t end = hi - c > l->span ? c + l->span : hi;
    for (int32_t i = 0; in && i < in->count; i++) {
      const struct patch *q = &in->of[i];
      *(uint32_t *)(mem + args[q->launch] + q->slot * 8) = scratch + q->at - (uint32_t)c * q->step;
    }
    for (int32_t k = 0; k < l->together; k++) {
      int32_t each = l[k].size / l->channels;
      int trap = entry_of(l + k)(mem, args[k], c * each, end * each, scratch);
      if (trap) return trap;
    }
  }
  return 0;
}

static int32_t size_of(const struct launch *l) { return l->together == 1 ? l->size : l->channels; }

static void run_chunk(struct pool *p, uint32_t chunk, uint32_t thread) {
  const struct launch *l = p->launch;
  int32_t lo = (int32_t)chunk * p->grain;
  int32_t size = size_of(l);
  int32_t hi = size - lo > p->grain ? lo + p->grain : size;
  int trap = run_range(p->mem, l, lo, hi, p->scratch + thread * p->stride);
  if (trap) atomic_store(&p->trapped, trap);
  atomic_fetch_add(&p->done, 1);
}

/* Claims one chunk of the job that the word names. The other fields are the job's own if the claim succeeds. */
static int claim(struct pool *p, uint64_t word) {
  return atomic_compare_exchange_strong(&p->word, &word, word + 1);
}

static void *work(void *arg) {
  struct worker w = *(struct worker *)arg;
  struct pool *p = w.pool;
  free(arg);
  for (int idle = 0;;) {
    uint64_t word = atomic_load(&p->word);
    uint32_t chunk = (uint32_t)word;
    if (chunk < atomic_load(&p->chunks) && w.id < atomic_load(&p->threads)) {
      atomic_store(&p->busy[w.id], 1);
      int mine = claim(p, word);
      if (mine) run_chunk(p, chunk, (uint32_t)w.id);
      atomic_store(&p->busy[w.id], 0);
      if (mine) {
        if (atomic_load(&p->joining)) {
          pthread_mutex_lock(&p->lock);
          pthread_cond_signal(&p->finished);
          pthread_mutex_unlock(&p->lock);
        }
      }
      idle = 0;
    } else if (++idle < SPINS) {
      RELAX();
    } else {
      pthread_mutex_lock(&p->lock);
      atomic_fetch_add(&p->sleepers, 1);
      while (atomic_load(&p->word) >> 32 == word >> 32) pthread_cond_wait(&p->work, &p->lock);
      atomic_fetch_sub(&p->sleepers, 1);
      pthread_mutex_unlock(&p->lock);
      idle = 0;
    }
  }
  return 0;
}

/* Threads that the machine refuses are done without. */
static void start_threads(struct pool *p, int threads) {
  sigset_t all, before;
  pthread_attr_t detached;
  if (p->started >= threads - 1) return;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_attr_init(&detached);
  pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
  while (p->started < threads - 1) {
    struct worker *w = malloc(sizeof *w);
    p->started++;
    if (!w) continue;
    w->pool = p;
    w->id = p->started;
    if (pthread_create(&p->thread[w->id], &detached, work, w)) free(w);
  }
  pthread_attr_destroy(&detached);
  pthread_sigmask(SIG_SETMASK, &before, 0);
}

static int spin_until(struct pool *p, uint32_t chunks) {
  for (int spins = 0; spins < SPINS; spins++) {
    if (atomic_load(&p->done) == chunks) return 1;
    RELAX();
  }
  return 0;
}

#ifdef __linux__
/* Processor time of a thread; -1 if that cannot be told. */
static int64_t time_of(pthread_t thread) {
  clockid_t clock;
  struct timespec now;
  if (pthread_getcpuclockid(thread, &clock) || clock_gettime(clock, &now)) return -1;
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* A thread that holds a chunk and does not run: another process has its processor, for milliseconds. It gets this one's,
   which is about to sleep, and goes back when the chunk is done. Returns which thread, or 0. */
static int lend_processor(struct pool *p, uint32_t chunks, cpu_set_t *before) {
  for (int id = 1; id <= p->started; id++) {
    if (!atomic_load(&p->busy[id])) continue;
    int64_t since = time_of(p->thread[id]);
    if (spin_until(p, chunks)) return 0;
    if (since < 0 || !atomic_load(&p->busy[id]) || time_of(p->thread[id]) != since) continue;
    cpu_set_t mine;
    CPU_ZERO(&mine);
    CPU_SET(sched_getcpu(), &mine);
    if (pthread_getaffinity_np(p->thread[id], sizeof *before, before)) continue;
    if (!pthread_setaffinity_np(p->thread[id], sizeof mine, &mine)) return id;
  }
  return 0;
}

static void take_back(struct pool *p, int id, const cpu_set_t *before) {
  cpu_set_t others = *before;
  CPU_CLR(sched_getcpu(), &others);
  if (CPU_COUNT(&others)) pthread_setaffinity_np(p->thread[id], sizeof others, &others);
  pthread_setaffinity_np(p->thread[id], sizeof *before, before);
}
#endif

static void join(struct pool *p, uint32_t chunks) {
  if (spin_until(p, chunks)) return;
#ifdef __linux__
  cpu_set_t before;
  int lent = lend_processor(p, chunks, &before);
#endif
  pthread_mutex_lock(&p->lock);
  atomic_store(&p->joining, 1);
  while (atomic_load(&p->done) != chunks) pthread_cond_wait(&p->finished, &p->lock);
  atomic_store(&p->joining, 0);
  pthread_mutex_unlock(&p->lock);
#ifdef __linux__
  if (lent) take_back(p, lent, &before);
#endif
}

static int run_shared(struct pool *p, const struct job *j, const struct launch *l) {
  uint32_t chunks = ((uint32_t)size_of(l) + (uint32_t)l->grain - 1) / (uint32_t)l->grain;
  start_threads(p, j->threads);
  p->launch = l;
  p->scratch = j->scratch;
  p->stride = j->stride;
  p->grain = l->grain;
  atomic_store(&p->done, 0);
  atomic_store(&p->trapped, 0);
  atomic_store(&p->threads, j->threads);
  atomic_store(&p->chunks, chunks);
  uint64_t number = (uint64_t)++p->number << 32;
  atomic_store(&p->word, number);
  if (atomic_load(&p->sleepers)) {
    pthread_mutex_lock(&p->lock);
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
  }
  for (;;) {
    uint64_t word = atomic_load(&p->word);
    if ((uint32_t)word >= chunks) break;
    if (claim(p, word)) run_chunk(p, (uint32_t)word, 0);
  }
  join(p, chunks);
  atomic_store(&p->word, number | CLOSED);
  return atomic_load(&p->trapped);
}

/* Runs the job block at an offset. Returns 0, or what a kernel returned in failing, and above two bits which launch that
   was, and stops there. */
EXPORT int flambeau_run(int pool, uint32_t at) {
  struct pool *p = pools[pool];
  const struct job *j = (const struct job *)(p->mem + at);
  for (int i = 0; i < j->count; i += j->launches[i].together) {
    const struct launch *l = &j->launches[i];
    int trap = j->threads > 1 && l->grain < size_of(l)
      ? run_shared(p, j, l)
      : run_range(p->mem, l, 0, size_of(l), j->scratch);
    if (trap) return i << 2 | trap;
  }
  return 0;
}

/* A pool for a memory; -1 when there are too many. */
EXPORT int flambeau_pool(uint8_t *mem) {
  int id = atomic_fetch_add(&pool_count, 1);
  if (id >= MAX_POOLS) return -1;
  struct pool *p = calloc(1, sizeof *p);
  if (!p) return -1;
  p->mem = mem;
  atomic_store(&p->word, (uint64_t)CLOSED);
  pthread_mutex_init(&p->lock, 0);
  pthread_cond_init(&p->work, 0);
  pthread_cond_init(&p->finished, 0);
  pools[id] = p;
  return id;
}

/* Keeps this library in the process: its threads outlive whoever loaded it. */
EXPORT int flambeau_stay(const char *path) {
  return dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE) != 0;
}

/* The address of a compiled kernel's entry; 0 when the file cannot be loaded. */
EXPORT uint64_t flambeau_open(const char *path, const char *symbol) {
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  return library ? (uint64_t)(uintptr_t)dlsym(library, symbol) : 0;
}
`;
