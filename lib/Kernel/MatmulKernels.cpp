// The matmul kernels' interface: names, signature, dispatch to the generators.
#include "lib/Kernel/MatmulKernels.h"
#include "lib/Kernel/MatmulEmitter.h"
using namespace mlir;
using namespace qcc;
using namespace qcc::kernel;

std::string MatmulSpec::name() const {
  std::string s = "qk_matmul_" + weight.name() + (intActivations ? "_a8" : bf16 ? "_bf16" : "_f32");
  auto number = [](int64_t k) { return k < 0 ? "row" : std::to_string(k); };
  if (intActivations && activationGroup != 32)
    s += "g" + number(activationGroup);
  if (intActivations && sumGroup != 32)
    s += "s" + number(sumGroup);
  s += rows == RowClass::Decode ? "_decode" : rows == RowClass::Short ? "_short" : "_long";
  if (together)
    s += "_x4";
  if (team > 1)
    s += "_t" + std::to_string(team);
  if (cluster > 1)
    s += "x" + std::to_string(cluster);
  return s + (rowRange ? "_range" : "") + (bias ? "_bias" : "") + (addend ? "_add" : "");
}

unsigned kernel::rowsTogether(const MatmulSpec &spec, const TargetVersion &version) {
  bool fits = version.rowsTogether && spec.rows == RowClass::Long && spec.intActivations && !spec.rowRange && spec.weight.integerBytes() == 1;
  return !fits ? 0 : version.dot8x2 ? 8 : 4;
}

// Codes that are numbers and go to the unit as they lie in memory, scales of whole pieces of 32 k.
bool kernel::hasTeamTiles(const MatmulSpec &spec, const TargetVersion &version) {
  const PanelLayout &w = spec.weight;
  bool plain = w.isCodes() && !w.table && !w.super && !qnt::scaleStorage(w.scale).table && w.lanes == 32 && (w.perRow() || w.group % 32 == 0);
  return version.teamMma && spec.rows == RowClass::Long && spec.rowRange && spec.intActivations && plain && (spec.run() < 0 || (spec.run() % 32 == 0 && spec.sumGroup <= spec.run()));
}

unsigned kernel::teamFor(const MatmulSpec &spec, int64_t n, int64_t k, const TargetVersion &version) {
  if (hasTeamTiles(spec, version))
    return version.teamMma;
  unsigned usual = version.teamThreads;
  if (!spec.streams() || usual == 1 || !version.busyThreads)
    return spec.streams() ? usual : 1;
  // A thread has a superblock at least.
  auto supers = unsigned(llvm::divideCeil(k, spec.weight.superK())), wanted = std::max(1u, unsigned(version.busyThreads / spec.weight.panels(n)));
  return std::clamp(std::min(llvm::bit_ceil(supers), llvm::bit_floor(wanted)), supers < usual ? usual / 2 : usual, usual * 2);
}

// Teams of full size that still have a superblock for each thread, while that fills the device.
unsigned kernel::clusterFor(const MatmulSpec &spec, int64_t n, int64_t k, unsigned team, const TargetVersion &version) {
  if (team == 1 || !spec.streams() || spec.run() < 0 || !version.busyThreads)
    return 1;
  auto supers = unsigned(llvm::divideCeil(k, spec.weight.superK())), wanted = unsigned(version.busyThreads / (spec.weight.panels(n) * team));
  return llvm::bit_floor(std::max(1u, std::min({version.clusterTeams, supers / team, wanted})));
}

int64_t kernel::teamBytes(const MatmulSpec &spec) { return int64_t(spec.team) * spec.weight.lanes * 4; }

// A sub-scale multiplies the sum of its own group, unless it is folded into the codes. Registers of 32 numbers have no shorter sums than of them.
int64_t MatmulSpec::sumK() const {
  if (run() == 16)
    return weight.lanes > 16 ? 32 : 16;
  return hasSubscales() && !foldsSubscales() ? 32 : run();
}

// The order of parameters, once: `at` is called for each with its type and the member of MatmulArgs.
static void forEachArg(MLIRContext *context, const MatmulSpec &spec, MatmulArgs &args, function_ref<void(Type, Value &)> at) {
  Builder b(context);
  Type index = b.getIndexType();
  auto buffer = [](Type element) { return MemRefType::get({ShapedType::kDynamic}, element); };
  at(buffer(b.getI8Type()), args.weights);
  at(index, args.weightOffset);
  at(buffer(spec.intActivations ? Type(b.getI8Type()) : spec.bf16 ? Type(b.getBF16Type()) : b.getF32Type()), args.input);
  at(index, args.inputStride);
  if (spec.intActivations) {
    at(buffer(b.getF32Type()), args.scales);
    at(index, args.scaleStride);
    at(buffer(b.getI32Type()), args.sums);
    at(index, args.sumStride);
  }
  at(buffer(b.getF32Type()), args.output);
  for (Value *size : {&args.outputStride, &args.m, &args.n, &args.k, &args.panelBegin, &args.panelEnd})
    at(index, *size);
  if (spec.streams())
    at(index, args.prefetch);
  if (spec.rowRange)
    at(index, args.rowBegin);
  if (spec.bias)
    at(buffer(b.getF32Type()), args.bias);
  if (spec.addend) {
    at(buffer(b.getF32Type()), args.addend);
    at(index, args.addendStride);
  }
}

FunctionType kernel::matmulType(MLIRContext *context, const MatmulSpec &spec) {
  SmallVector<Type> types;
  MatmulArgs args;
  forEachArg(context, spec, args, [&](Type type, Value &) { types.push_back(type); });
  return FunctionType::get(context, types, {});
}

func::CallOp kernel::callMatmul(OpBuilder &builder, Location loc, func::FuncOp kernel, const MatmulSpec &spec, const MatmulArgs &args) {
  SmallVector<Value> operands;
  MatmulArgs copy = args;
  forEachArg(builder.getContext(), spec, copy, [&](Type, Value &value) { operands.push_back(value); });
  return func::CallOp::create(builder, loc, kernel, operands);
}

bool kernel::hasBf16Tiles(const TargetVersion &version, const PanelLayout &weight, RowClass rows) {
  return version.tileBf16 && weight.lanes == 16 && rows == RowClass::Long;
}

func::FuncOp kernel::buildMatmul(OpBuilder &builder, Location loc, StringRef name, const MatmulSpec &spec, const TargetVersion &version) {
  assert((spec.weight.lanes * 32 <= version.vectorBits || spec.weight.lanes * 32 % version.vectorBits == 0) && "a panel is no whole number of registers");
  assert((!spec.intActivations || spec.weight.hasIntegers()) && "weights without integers need float activations");
  assert((!spec.intActivations || spec.sumGroup == spec.sumK() || (spec.sumGroup > 0 && (spec.sumK() < 0 || spec.sumK() % spec.sumGroup == 0))) &&
         "sums of activations are too long for this weight");
  assert((!spec.bf16 || (!spec.intActivations && hasBf16Tiles(version, spec.weight, spec.rows))) && "no bf16 tiles for this product");
  assert((!spec.together || (spec.rows == RowClass::Long && spec.intActivations && !spec.rowRange && spec.together == (version.dot8x2 ? 8u : 4u))) && "rows lie together in another way");
  OpBuilder::InsertionGuard guard(builder);
  auto func = func::FuncOp::create(builder, loc, name, matmulType(builder.getContext(), spec));
  func.setPrivate();
  Block *entry = func.addEntryBlock();
  builder.setInsertionPointToStart(entry);
  MatmulEmitter e(builder, loc, spec, version);
  unsigned next = 0;
  forEachArg(builder.getContext(), spec, e.args, [&](Type, Value &value) { value = entry->getArgument(next++); });
  e.readWeightNumbers();
  if (spec.bf16)
    e.emitBf16Tiles();
  else if (spec.rows == RowClass::Decode)
    e.emitDecode();
  else if (spec.rows == RowClass::Short)
    e.emitShort();
  else
    !spec.intActivations ? e.emitFloatBlocked() : spec.team > 1 ? e.emitTeamTiles() : e.usesTiles() ? e.emitInt8Tiles() : e.usesFragments() ? e.emitFragments() : e.emitIntBlocked();
  func::ReturnOp::create(builder, loc);
  return func;
}
