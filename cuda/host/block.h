/* Inside of the model: the block that runs. */
#ifndef VQZ_CUDA_HOST_BLOCK_H
#define VQZ_CUDA_HOST_BLOCK_H
#include "cuda/dialect.h"
#include "cuda/host/fiber.h"
#include <deque>
#include <string>
#include <vector>

namespace vqz_host {
enum { MAX_THREADS = 1024, STACK = 256 << 10, SHARED_LIMIT = 48 << 10 };

struct site {
    const char *file;
    int line;
    bool operator==(const site &o) const { return file == o.file && line == o.line; }
};

/* What is known of one word of shared memory. Numbers of barriers are those since the block began, plus one; 0: never. */
struct word {
    uint32_t written, written_warp;          /* number of block barriers then, and of the writer's warp barriers */
    uint32_t writer;
    uint32_t read, read_warp;                /* the same of the last reads */
    uint32_t readers_warps, readers_lanes;   /* which warps since that block barrier; of the last of them, which lanes since that warp barrier */
    uint32_t last_warp;
    bool in_flight;                          /* a copy may land at any time */
};

struct segment {
    site where;
    std::vector<uint8_t> bytes;
    std::vector<word> words;
};

struct copy {
    segment *to;
    size_t at;
    const void *from;
    unsigned group;
};

enum state { READY, AT_BARRIER, AT_WARP, DONE };

struct thread {
    fiber own;
    state is;
    std::deque<copy> copies;                 /* not landed yet */
    unsigned groups;                         /* committed so far */
};

struct warp {
    unsigned arrived;
    site where;
    uint32_t epoch;                          /* warp barriers so far, plus one */
    uint32_t in[VQZ_WARP][12], out[VQZ_WARP][4];
};

struct block {
    unsigned threads, arrived, done;
    uint32_t epoch;                          /* block barriers so far, plus one */
    site where;
    thread fibers[MAX_THREADS];
    warp warps[MAX_THREADS / VQZ_WARP];
    unsigned ready[MAX_THREADS], nready;
    std::vector<segment *> segments;
    size_t shared;
};
extern block *here;                          /* NULL: no kernel runs */

uint32_t draw(uint32_t n);                   /* 0..n-1 */
/* Does nothing here, by the test's will. */
bool dropped(const site &s);
/* Gives way to another thread; the caller is READY again when this returns. */
void wait();
void wake(unsigned thread);
/* Runs all blocks of a kernel. */
int launch(void (*run)(const void *), const void *work, unsigned x, unsigned y, unsigned z, unsigned threads);
}
#endif
