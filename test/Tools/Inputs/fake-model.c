/* An artifact written by hand, so that the tools are tested without the compiler: the most likely token after t0..ti is
 * (sum of j * tj) mod 11, computed from state. With -DPLAIN: y = 2 * x without state. No weights. Two regions, each before a barrier. */
#include "qcc/Runtime/Program.h"
#include <stddef.h>
enum { Vocabulary = 11, Batch = 0, Seq, Past, Context };
static const qcc_dim dims[] = {{"batch", 0, 0}, {"seq", 0, 0}, {"past", 0, 0}, {"context", 0, 0}};
static const int64_t two[] = {-1 - Batch, -1 - Seq};

#ifdef PLAIN
static void run(const qcc_invocation *c, int64_t thread) {
  for (int64_t i = thread; i < c->dims[Batch] * c->dims[Seq]; i += c->threads)
    ((float *)c->buffers[1])[i] = 2 * ((const float *)c->buffers[0])[i];
}
static const qcc_port in = {"x", QCC_DTYPE_FLOAT, 32, QCC_ROLE_NONE, 2, two}, out = {"y", QCC_DTYPE_FLOAT, 32, QCC_ROLE_NONE, 2, two};
#else
static void run(const qcc_invocation *c, int64_t thread) {
  int64_t batch = c->dims[Batch], seq = c->dims[Seq], past = c->dims[Past], context = c->dims[Context], *state = (int64_t *)c->state;
  for (int64_t r = thread; r < batch * seq; r += c->threads)
    state[r / seq * context + past + r % seq] = ((const int64_t *)c->buffers[0])[r];
  c->barrier(c, thread, 0);
  for (int64_t r = thread; r < batch * seq; r += c->threads) {
    int64_t sum = 0;
    for (int64_t i = 0; i <= past + r % seq; i++)
      sum += i * state[r / seq * context + i];
    for (int64_t v = 0; v < Vocabulary; v++)
      ((float *)c->buffers[1])[r * Vocabulary + v] = sum % Vocabulary == v;
  }
  c->barrier(c, thread, 1);
}
static int64_t stateBytes(const int64_t *d) { return d[Batch] * d[Context] * 8; }
static const int64_t three[] = {-1 - Batch, -1 - Seq, Vocabulary};
static const qcc_port in = {"input_ids", QCC_DTYPE_INT, 64, QCC_ROLE_TOKENS, 2, two}, out = {"logits", QCC_DTYPE_FLOAT, 32, QCC_ROLE_LOGITS, 3, three};
#endif

static const qcc_entry entry = {"all", 1, 512, run, NULL};
static const int64_t rows[] = {-1 - Batch, -1 - Seq};
static const qcc_region regions[] = {{"write", "/layers.*/write", 0, 0, NULL, 0}, {"sum + \"quoted\"", "/sum", 1000, 500, rows, 2}, {"never", "/never", 0, 0, NULL, 0}};
static const qcc_variant variants[] = {{"fake-best", UINT64_C(1) << 31, &entry, 1, NULL, 0}, {"fake", 0, &entry, 1, regions, 3}};
static const char manifest[] __attribute__((section(QCC_MANIFEST_SECTION))) =
    "{\"manifest\": 1, \"qcc\": \"0.1.0\", \"model\": \"fake.onnx\", \"sources\": [{\"name\": \"fake.onnx\", \"bytes\": 123}], \"target\": \"x86-avx512\",\n"
    " \"variants\": [{\"name\": \"fake-best\", \"features\": 4097, \"entries\": [{\"name\": \"all\", \"min_rows\": 1, \"max_rows\": 512}]}],\n"
    " \"dims\": [\"batch\", \"seq\", \"past\", \"context\"],\n"
    " \"inputs\": [{\"name\": \"input_ids\", \"dtype\": \"int64\", \"shape\": [\"batch\", \"seq\"], \"role\": \"tokens\"}],\n"
    " \"outputs\": [{\"name\": \"logits\", \"dtype\": \"float32\", \"shape\": [\"batch\", \"seq\", 11], \"role\": \"logits\"}],\n"
    " \"state\": null, \"max_context\": 100, \"vocabulary\": 11, \"options\": [\"--target=x86-avx512\", \"--wbits=4\"],\n"
    " \"weights\": {\"bytes\": 0, \"id\": \"\"},\n"
    " \"tensors\": [{\"name\": \"w\", \"shape\": [64, 32], \"format\": \"w4g32\", \"bits_per_weight\": 4.5, \"bytes\": 1152, \"sha256\": \"0123456789ab\"}]}";
const qcc_program qcc_program_data = {
    .version = QCC_PROGRAM_VERSION, .inputs = &in, .outputs = &out, .num_inputs = 1, .num_outputs = 1, .dims = dims, .num_dims = 4,
    .variants = variants, .num_variants = 2, .manifest = manifest, .manifest_bytes = sizeof manifest - 1,
#ifndef PLAIN
    .flags = 1, .state_bytes = stateBytes, .max_context = 100, .vocabulary = Vocabulary,
#endif
};
