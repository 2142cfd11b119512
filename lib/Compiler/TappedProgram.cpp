// Sessions for programs with state; qcc_run with tensors made up from the ports for others.
#include "lib/Compiler/TappedProgram.h"
#include "lib/Compiler/RoleValues.h"
#include "dialects/Quant/Quant.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/APFloat.h"
#include <cstring>
using namespace mlir;
using namespace qcc;

static int64_t fixedExtent(ModuleOp module, StringRef name) {
  auto fixed = module->getAttrOfType<DictionaryAttr>("qnt.fixed_dims");
  auto extent = fixed ? fixed.getAs<IntegerAttr>(name) : IntegerAttr();
  return extent ? extent.getInt() : 0;
}

Sample qcc::makeSample(ModuleOp module, std::vector<int64_t> tokens) {
  Sample sample{std::move(tokens), {}};
  auto bound = module->getAttrOfType<IntegerAttr>("qnt.max_context");
  int64_t seq = fixedExtent(module, "seq"), most = bound ? bound.getInt() : 4096, first = 0;
  for (int64_t count : seq ? std::vector<int64_t>{seq} : std::vector<int64_t>{24, 1, 5}) {   // long, decode, short
    count = std::min(count, most - first);
    if (count < 1)
      break;
    sample.steps.push_back({first, count});
    first += count;
  }
  return sample;
}

/// Deterministic, between -1 and 1.
static float numberAt(uint64_t index) {
  uint64_t x = (index + 1) * 0x9E3779B97F4A7C15ull;    // SplitMix64
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
  return float(int32_t((x ^ (x >> 31)) >> 32)) * 0x1p-31f;
}

TappedProgram::~TappedProgram() {
  close();
  if (library.handle)
    model_library_unload(&library);
}

void TappedProgram::close() {
  if (session)
    library.session_close(session);
  if (model)
    library.close(model);
  session = nullptr;
  model = nullptr;
}

int TappedProgram::load(StringRef path, ModuleOp of) {
  char error[512];
  if (int code = model_library_load(&library, path.str().c_str(), error, sizeof error))
    return complain(code, error);
  module = of;
  batch = std::max<int64_t>(1, fixedExtent(module, "batch"));
  return ExitSuccess;
}

int TappedProgram::fail(qcc_status status) { return complain(model_exit_code(status), "--verify: the program does not run on the sample: " + Twine(library.error(model))); }

int TappedProgram::open(const WrittenWeights &weights, const char *variant, unsigned threads, bool &runs) {
  close();
  qcc_options how = {};
  how.size = sizeof how;
  how.weights = weights.isEmbedded ? nullptr : weights.path.c_str();
  how.variant = variant;
  how.threads = int(threads);
  qcc_status status = library.open(&how, &model);
  runs = status != QCC_ERROR_CPU;
  info.size = sizeof info;
  if (status || (status = library.get_info(model, &info)))
    return runs ? fail(status) : int(ExitSuccess);
  if (!info.has_state)
    return ExitSuccess;
  qcc_session_options options = {};
  options.size = sizeof options;
  options.batch = batch;
  status = library.session_open(model, &options, &session);
  return status ? fail(status) : int(ExitSuccess);
}

static int64_t tokenAt(const Sample &sample, int64_t index) { return sample.tokens[size_t(index) % sample.tokens.size()]; }

qcc_status TappedProgram::append(const Sample &sample, const SampleStep &step) {
  std::vector<int64_t> tokens;
  for (int64_t row = 0; row < batch; ++row)
    for (int64_t i = 0; i < step.count; ++i)
      tokens.push_back(tokenAt(sample, row + step.first + i));
  std::vector<float> logits(size_t(batch * step.count * info.vocabulary));
  return library.session_append(session, tokens.data(), step.count, QCC_LOGITS_ALL, logits.data());
}

/// An input's elements. Floats are made up; integers are what their role says, else 0, which is in range of any table, or true.
static std::vector<uint8_t> makeInput(const qcc_port_info &port, StringRef role, ArrayRef<int64_t> shape, const Sample &sample, const SampleStep &step, int64_t input) {
  int64_t count = 1, last = shape.empty() ? 1 : shape.back();
  for (int64_t extent : shape)
    count *= extent;
  int64_t bytes = port.dtype.bits / 8;
  std::vector<uint8_t> data(size_t(count * bytes));
  for (int64_t i = 0; i < count; ++i) {
    uint8_t *at = data.data() + i * bytes;
    float value = numberAt(uint64_t(input) << 32 | uint64_t(i));
    int64_t integer = valueOfRole(role, i % last, tokenAt(sample, step.first + i)).value_or(port.dtype.code == 6);
    if (port.dtype.code == 2 && port.dtype.bits == 64) {
      double wide = value;
      memcpy(at, &wide, 8);
    } else if (port.dtype.code == 2 && port.dtype.bits == 32) {
      memcpy(at, &value, 4);
    } else if (port.dtype.code == 2 || port.dtype.code == 4) {
      llvm::APFloat narrow(value);
      bool losesInfo;
      narrow.convert(port.dtype.code == 4 ? llvm::APFloat::BFloat() : llvm::APFloat::IEEEhalf(), llvm::APFloat::rmNearestTiesToEven, &losesInfo);
      uint64_t bits = narrow.bitcastToAPInt().getZExtValue();
      memcpy(at, &bits, 2);
    } else {
      memcpy(at, &integer, size_t(bytes));             // little endian, as all hosts are
    }
  }
  return data;
}

/// The number that a run compares the dimension with, or `otherwise`.
static int64_t extentOf(ModuleOp module, StringRef dim, int64_t otherwise) {
  if (auto pairs = module->getAttrOfType<ArrayAttr>("qnt.equal_dims"))
    for (auto pair : pairs.getAsRange<ArrayAttr>())
      for (unsigned i : {0, 1})
        if (int64_t number; cast<StringAttr>(pair[i]).getValue() == dim && !cast<StringAttr>(pair[1 - i]).getValue().getAsInteger(10, number))
          return number;
  return otherwise;
}

qcc_status TappedProgram::call(const Sample &sample, const SampleStep &step) {
  std::vector<DLTensor> inputs, outputs;
  std::vector<std::vector<uint8_t>> data;
  std::vector<std::vector<int64_t>> shapes;
  shapes.reserve(size_t(info.num_inputs + info.num_outputs));
  auto tensor = [&](const qcc_port_info &port) {
    DLTensor t{};
    t.data = data.back().data();
    t.device.device_type = decltype(t.device.device_type)(1);
    t.ndim = port.rank;
    t.dtype = port.dtype;
    t.shape = shapes.back().data();
    return t;
  };
  auto main = module.lookupSymbol<func::FuncOp>("main");
  for (int64_t i = 0; i < info.num_inputs; ++i) {
    qcc_port_info port = {};
    port.size = sizeof port;
    if (qcc_status status = library.input_info(model, i, &port))
      return status;
    auto &shape = shapes.emplace_back();
    for (int32_t d = 0; d < port.rank; ++d) {
      StringRef dim = port.dims[d] ? port.dims[d] : "";
      shape.push_back(port.shape[d] >= 0 ? port.shape[d] : dim == "batch" ? batch : dim == "past" ? 0 : extentOf(module, dim, step.count));
    }
    auto role = main.getArgAttrOfType<StringAttr>(unsigned(i), "qnt.role");
    data.push_back(makeInput(port, role ? role.getValue() : "", shape, sample, step, i));
    inputs.push_back(tensor(port));
  }
  for (int64_t i = 0; i < info.num_outputs; ++i) {
    qcc_port_info port = {};
    port.size = sizeof port;
    auto &shape = shapes.emplace_back(8);
    qcc_status status = library.output_info(model, i, &port);
    if (status || (status = library.output_shape(model, inputs.data(), int64_t(inputs.size()), i, shape.data())))
      return status;
    int64_t bytes = port.dtype.bits / 8;
    for (int32_t d = 0; d < port.rank; ++d)
      bytes *= shape[size_t(d)];
    data.emplace_back(size_t(bytes));
    outputs.push_back(tensor(port));
  }
  return library.run(model, inputs.data(), int64_t(inputs.size()), outputs.data(), int64_t(outputs.size()));
}

int TappedProgram::step(const Sample &sample, const SampleStep &step, TapObserver observer) {
  auto show = [](void *user, int64_t weight, const float *values, int64_t rows, int64_t columns) {
    if (weight < 0)
      (*static_cast<TapObserver *>(user))(const_cast<float *>(values), rows, columns);   // qcc_observe: they may be written
  };
  library.observe(model, show, &observer);
  qcc_status status = session ? append(sample, step) : call(sample, step);
  library.observe(model, nullptr, nullptr);
  return status ? fail(status) : int(ExitSuccess);
}
