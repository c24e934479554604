/* Every aligned block (torch's tensors, oneDNN's scratch) ends at a page that can be read and not written: a write past
   its end is a crash at once, not some time later. Fresh blocks are full of NaN: who reads before writing is seen.
   For fuzz_layouts.py, on Linux: LD_PRELOAD. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define REGION (1ULL << 40) /* addresses, never given out twice; not memory */
#define PAGE 4096ULL
#define LAZY (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)

static char *base;
static uint32_t *lengths; /* in pages, by a block's first page */
static uint64_t used;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static void (*real_free)(void *);
static void *(*real_realloc)(void *, size_t);

static void start(void) {
    real_free = dlsym(RTLD_NEXT, "free");
    real_realloc = dlsym(RTLD_NEXT, "realloc");
    lengths = mmap(0, REGION / PAGE * sizeof *lengths, PROT_READ | PROT_WRITE, LAZY, -1, 0);
    base = mmap(0, REGION, PROT_READ, LAZY, -1, 0);
    if (base == MAP_FAILED || lengths == MAP_FAILED) abort();
}

static int ours(void *block) { return base && (char *)block >= base && (char *)block < base + REGION; }

int posix_memalign(void **block, size_t alignment, size_t size) {
    pthread_once(&once, start);
    size_t step = alignment > PAGE ? PAGE : alignment;
    size_t bytes = (size + step - 1) / step * step, pages = (bytes + PAGE - 1) / PAGE;
    if (!pages) pages = 1;
    uint64_t at = __atomic_fetch_add(&used, (pages + 1) * PAGE, __ATOMIC_SEQ_CST);
    if (at + (pages + 1) * PAGE > REGION || mprotect(base + at, pages * PAGE, PROT_READ | PROT_WRITE)) abort();
    lengths[at / PAGE] = pages;
    *block = base + at + pages * PAGE - bytes;
    if (!bytes) *block = base + at; /* an address of its own for nothing */
    memset(*block, 0xFF, bytes);
    return 0;
}

void free(void *block) {
    pthread_once(&once, start);
    if (!ours(block)) {
        real_free(block);
        return;
    }
    uint64_t first = ((char *)block - base) / PAGE;
    mmap(base + first * PAGE, lengths[first] * PAGE, PROT_READ, LAZY | MAP_FIXED, -1, 0);
}

void *realloc(void *block, size_t size) {
    pthread_once(&once, start);
    if (!ours(block)) return real_realloc(block, size);
    uint64_t first = ((char *)block - base) / PAGE;
    size_t had = base + (first + lengths[first]) * PAGE - (char *)block;
    void *copy = malloc(size);
    if (copy) memcpy(copy, block, had < size ? had : size), free(block);
    return copy;
}
