#include "Memory.h"
#include <sys/mman.h>

static const size_t hugePage = 2u << 20;

bool qccrt_block_reserve(qccrt_block *block, size_t bytes) {
  if (block->data && bytes <= block->bytes)
    return true;
  qccrt_block_free(block);
  if (!bytes)
    bytes = 1;
  if (bytes > SIZE_MAX / 2)
    return false;
  /* One page after the end stays readable: kernels prefetch past their last panel, and vector loads may run over by a register. */
  size_t wanted = ((bytes + 4095) & ~(size_t)4095) + 4096;
  size_t slack = wanted >= hugePage ? hugePage : 0;
  void *mapping = mmap(NULL, wanted + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED)
    return false;
  uintptr_t start = (uintptr_t)mapping;
  if (slack) {
    start = (start + hugePage - 1) & ~(uintptr_t)(hugePage - 1);
    madvise((void *)start, wanted, MADV_HUGEPAGE);            /* advice: a refusal changes nothing but speed */
  }
  *block = (qccrt_block){(uint8_t *)start, bytes, mapping, wanted + slack};
  return true;
}

void qccrt_block_free(qccrt_block *block) {
  if (block->mapping)
    munmap(block->mapping, block->mappingBytes);
  *block = (qccrt_block){0};
}
