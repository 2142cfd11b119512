#include "FakeProgram.h"
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

namespace fake {
std::string calls;

std::vector<uint8_t> weightsFile(const std::vector<std::vector<uint8_t>> &sections) {
  qcc_weights_header header = {};
  std::vector<qcc_weights_section> table(sections.size());
  std::string names;
  std::vector<uint8_t> data;
  for (size_t i = 0; i < sections.size(); ++i) {
    data.resize((data.size() + 63) / 64 * 64);
    std::string name = "w" + std::to_string(i);
    table[i] = {data.size(), sections[i].size(), sections.size() * sizeof table[0] + names.size(), name.size(), {}};
    qccrt_sha256(sections[i].data(), sections[i].size(), table[i].sha256);
    data.insert(data.end(), sections[i].begin(), sections[i].end());
    names += name;
  }
  std::vector<uint8_t> tableBytes(table.size() * sizeof table[0]);
  memcpy(tableBytes.data(), table.data(), tableBytes.size());
  tableBytes.insert(tableBytes.end(), names.begin(), names.end());
  memcpy(header.magic, QCC_WEIGHTS_MAGIC, 8);
  header.version = 1;
  header.num_sections = sections.size();
  header.table_offset = sizeof header;
  header.table_bytes = tableBytes.size();
  header.data_offset = (sizeof header + tableBytes.size() + 4095) / 4096 * 4096;
  header.data_bytes = data.size();
  header.file_bytes = header.data_offset + data.size() + 8;
  qccrt_sha256(tableBytes.data(), tableBytes.size(), header.id);
  std::vector<uint8_t> file(header.file_bytes);
  memcpy(file.data(), &header, sizeof header);
  memcpy(file.data() + header.table_offset, tableBytes.data(), tableBytes.size());
  memcpy(file.data() + header.data_offset, data.data(), data.size());
  memcpy(file.data() + header.file_bytes - 8, QCC_WEIGHTS_FOOTER, 8);
  return file;
}

enum { Batch, Seq, Past, ContextDim, Keep };
static const qcc_dim dimNames[] = {{"batch", 0, nullptr}, {"seq", 0, nullptr}, {"past", 0, nullptr}, {"context", 0, nullptr}, {"keep", 0, nullptr}};

static void runState(const qcc_invocation *call, int64_t thread, bool keeps) {
  int64_t batch = call->dims[Batch], seq = call->dims[Seq], past = call->dims[Past], context = call->dims[ContextDim];
  int64_t keep = keeps ? call->dims[Keep] : seq;
  auto *tokens = static_cast<const int64_t *>(call->buffers[0]);
  auto *logits = static_cast<float *>(call->buffers[1]);
  auto *state = reinterpret_cast<int64_t *>(call->state);
  float weight;
  memcpy(&weight, call->weights, sizeof weight);
  for (int64_t row = thread; row < batch * seq; row += call->threads)
    state[row / seq * context + past + row % seq] = tokens[row];
  call->barrier(call, thread, 0);
  for (int64_t row = thread; row < batch * keep; row += call->threads) {
    int64_t last = past + seq - keep + row % keep, sum = 0;
    for (int64_t i = 0; i <= last; ++i)
      sum += i * state[row / keep * context + i];
    for (int64_t v = 0; v < Vocabulary; ++v)
      logits[row * Vocabulary + v] = sum % Vocabulary == v ? weight : 0;
    reinterpret_cast<int64_t *>(call->arena)[row] = sum;      // as large as arenaBytes says
  }
}

template <bool keeps, char kind> static void run(const qcc_invocation *call, int64_t thread) {
  if (thread == 0)
    calls += kind == 'd' ? "decode " : kind == 's' ? "short " : "long ";
  runState(call, thread, keeps);
}

static int64_t arenaBytes(const int64_t *dims) { return dims[Batch] * dims[Seq] * 8; }
static int64_t stateBytes(const int64_t *dims) { return dims[Batch] * dims[ContextDim] * 8; }

template <bool keeps> struct Tables {
  static const qcc_entry entries[3];
  static const qcc_variant variants[2];
  static const int64_t logitsShape[3];
  static const qcc_port output;
};
template <bool keeps>
const qcc_entry Tables<keeps>::entries[3] = {{"decode", 1, 1, run<keeps, 'd'>, arenaBytes, nullptr, 0},
                                             {"short", 2, 15, run<keeps, 's'>, arenaBytes, nullptr, 0},
                                             {"long", 16, 512, run<keeps, 'l'>, arenaBytes, nullptr, 0}};
// Only the first of the two regions ends in a barrier of the program.
static const int64_t stateRows[] = {-1 - Batch, -1 - Seq};
static const qcc_region stateRegions[] = {{"write", "/layers.*/write", 100, 7, stateRows, 2}, {"never", "/never", 1, 1, stateRows, 2}};
template <bool keeps>
const qcc_variant Tables<keeps>::variants[2] = {{"impossible", UINT64_C(1) << 31, entries, 3, nullptr, 0, nullptr}, {"plain", 0, entries, 3, stateRegions, 2, nullptr}};
template <bool keeps> const int64_t Tables<keeps>::logitsShape[3] = {-1 - Batch, keeps ? -1 - Keep : -1 - Seq, Vocabulary};
template <bool keeps> const qcc_port Tables<keeps>::output = {"logits", QCC_DTYPE_FLOAT, 32, QCC_ROLE_LOGITS, 3, logitsShape};
static const int64_t tokensShape[] = {-1 - Batch, -1 - Seq};
static const qcc_port tokensPort = {"input_ids", QCC_DTYPE_INT, 64, QCC_ROLE_TOKENS, 2, tokensShape};

StateProgram::StateProgram(bool keep, float weight) : program{} {
  std::vector<uint8_t> bytes(sizeof weight);
  memcpy(bytes.data(), &weight, sizeof weight);
  weights = weightsFile({bytes, std::vector<uint8_t>(1000, 7)});
  auto *header = reinterpret_cast<const qcc_weights_header *>(weights.data());
  program.version = QCC_PROGRAM_VERSION;
  program.flags = 1;
  program.inputs = &tokensPort;
  program.num_inputs = program.num_outputs = 1;
  program.outputs = keep ? &Tables<true>::output : &Tables<false>::output;
  program.dims = dimNames;
  program.num_dims = keep ? 5 : 4;
  program.variants = keep ? Tables<true>::variants : Tables<false>::variants;
  program.num_variants = 2;
  program.state_bytes = stateBytes;
  program.max_context = Context;
  program.vocabulary = Vocabulary;
  program.weights_bytes = header->data_bytes;
  memcpy(program.weights_id, header->id, sizeof header->id);
  program.manifest = "{}";
  program.manifest_bytes = 2;
  char name[] = "/tmp/qcc-unit-XXXXXX";
  int file = mkstemp(name);
  path = name;
  if (file < 0 || write(file, weights.data(), weights.size()) != static_cast<ssize_t>(weights.size()))
    perror(name);
  close(file);
}

StateProgram::~StateProgram() { unlink(path.c_str()); }

float StateProgram::logit(const std::vector<int64_t> &tokens, size_t last, int64_t v, float weight) {
  int64_t sum = 0;
  for (size_t i = 0; i <= last; ++i)
    sum += i * tokens[i];
  return sum % Vocabulary == v ? weight : 0;
}

static void runPlain(const qcc_invocation *call, int64_t thread) {
  int64_t rows = call->dims[0], columns = call->dims[1];
  auto *x = static_cast<const float *>(call->buffers[0]), *k = static_cast<const float *>(call->buffers[1]);
  auto *y = static_cast<float *>(call->buffers[2]);
  for (int64_t n = thread; n < rows; n += call->threads)
    for (int64_t m = 0; m < columns; ++m)
      y[n * columns + m] = x[n * columns + m] + n * k[m];
}
static const qcc_dim plainDims[] = {{"N", 0, nullptr}, {"M", 0, nullptr}};
static const int64_t matrix[] = {-1, -2}, row[] = {-2};
static const qcc_port plainPorts[] = {
    {"x", QCC_DTYPE_FLOAT, 32, QCC_ROLE_NONE, 2, matrix}, {"k", QCC_DTYPE_FLOAT, 32, QCC_ROLE_NONE, 1, row}, {"y", QCC_DTYPE_FLOAT, 32, QCC_ROLE_NONE, 2, matrix}};
static const qcc_entry plainEntry = {"all", 1, INT64_MAX, runPlain, nullptr, nullptr, 0};
static const qcc_variant plainVariant = {"plain", 0, &plainEntry, 1, nullptr, 0, nullptr};
const qcc_program PlainProgram = {QCC_PROGRAM_VERSION, 0, plainPorts, plainPorts + 2, 2, 1, plainDims, 2, nullptr, 0, &plainVariant, 1, nullptr, 0, 0, 0, {}, nullptr, "{}", 2, 0};

// Its cache storage is "state" that lives for one call only, of `context` elements, as compiled programs have it.
static void runCache(const qcc_invocation *call, int64_t thread) {
  int64_t batch = call->dims[0], seq = call->dims[1], past = call->dims[2], total = call->dims[3], context = call->dims[4];
  auto *x = static_cast<const int64_t *>(call->buffers[0]), *old = static_cast<const int64_t *>(call->buffers[1]);
  auto *y = static_cast<int64_t *>(call->buffers[2]), *present = static_cast<int64_t *>(call->buffers[3]);
  auto *cache = reinterpret_cast<int64_t *>(call->state);
  for (int64_t b = thread; b < batch; b += call->threads)
    for (int64_t i = 0; i < total; ++i)
      cache[b * context + i] = i < past ? old[b * past + i] : x[b * seq + i - past];
  call->barrier(call, thread, -1);
  for (int64_t b = thread; b < batch; b += call->threads) {
    for (int64_t i = 0; i < total; ++i)
      present[b * total + i] = cache[b * context + i];
    for (int64_t i = 0; i < seq; ++i)
      y[b * seq + i] = total;
  }
}
static const qcc_dim cacheDims[] = {{"batch", 0, nullptr}, {"seq", 0, nullptr}, {"past", 0, nullptr}, {"total", 0, nullptr}, {"context", 0, nullptr}};
static const int64_t batchSeq[] = {-1, -2}, batchPast[] = {-1, -3}, batchTotal[] = {-1, -4};
static const qcc_port cachePorts[] = {{"x", QCC_DTYPE_INT, 64, QCC_ROLE_TOKENS, 2, batchSeq},
                                      {"past", QCC_DTYPE_INT, 64, QCC_ROLE_PAST, 2, batchPast},
                                      {"y", QCC_DTYPE_INT, 64, QCC_ROLE_NONE, 2, batchSeq},
                                      {"present", QCC_DTYPE_INT, 64, QCC_ROLE_PRESENT, 2, batchTotal}};
static int64_t cacheBytes(const int64_t *dims) { return dims[0] * dims[4] * 8; }
static const qcc_entry cacheEntries[] = {{"decode", 1, 1, runCache, nullptr, nullptr, 0}, {"long", 2, 64, runCache, nullptr, nullptr, 0}};
static const qcc_variant cacheVariant = {"plain", 0, cacheEntries, 2, nullptr, 0, nullptr};
const qcc_program CacheProgram = {QCC_PROGRAM_VERSION, 0, cachePorts, cachePorts + 2, 2, 2, cacheDims, 5, nullptr, 0, &cacheVariant, 1, cacheBytes, 100, 50, 0, {}, nullptr, "{}", 2, 0};
} // namespace fake
