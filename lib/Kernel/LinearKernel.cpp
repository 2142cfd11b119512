// A linear layer of known sizes: divides the panels of a matrix product among the threads.
#include "lib/Kernel/Kernels.h"
using namespace mlir;
using namespace qcc;

static Value flat(KernelBuilder &b, Value memref) {
  auto type = cast<MemRefType>(memref.getType());
  if (type.getRank() == 2)
    memref = memref::CollapseShapeOp::create(b, memref, ArrayRef<ReassociationIndices>{{0, 1}});
  return memref::CastOp::create(b, MemRefType::get({ShapedType::kDynamic}, type.getElementType()), memref);
}

/// The types of weights, [bias], [addend], output.
static void addOperandTypes(MLIRContext *context, const LinearSpec &spec, SmallVectorImpl<Type> &types) {
  const kernel::MatmulSpec &matmul = spec.matmul;
  Type f32 = Float32Type::get(context);
  types.push_back(MemRefType::get({matmul.weight.bytes(spec.n, spec.k)}, IntegerType::get(context, 8)));
  if (matmul.bias)
    types.push_back(MemRefType::get({spec.n}, f32));
  if (matmul.addend)
    types.push_back(rowsOf(spec.addendStride, f32));
  types.push_back(rowsOf(spec.outputStride, f32));
}

/// Kernels that have their first weights in registers lose time to what they read once more.
static void readAhead(KernelBuilder &b, const LinearSpec &spec, Value weights) {
  if (spec.matmul.streams() && b.facts.version.overlapsSteps && !kernel::holdsSupers(spec.matmul))
    qk::ReadAheadOp::create(b, weights);
}

/// Rows of a team's tile where `steps` times as many tiles as row blocks are to be shared: small ones where large ones leave teams without work.
static Value teamRows(KernelBuilder &b, const kernel::MatmulSpec &matmul, Value rows, int64_t steps) {
  Operation *kernel = b.getInsertionBlock()->getParentOp();
  kernel->setAttr("qk.team", b.getI64IntegerAttr(matmul.team));
  kernel->setAttr("qk.lane_registers", b.getI64IntegerAttr(kernel::teamTileRegisters));
  Value teams = qk::NumThreadsOp::create(b, b.getIndexType()), tiles = b.mul(b.ceilDiv(rows, kernel::teamTileRows), steps);
  return b.select(b.less(tiles, teams), b.idx(kernel::smallTeamTileRows), b.idx(kernel::teamTileRows));
}

/// The calling thread's share of the product of `call.m` rows: `input` as linearKernel has it, `operands` from the weights on.
static void multiply(KernelBuilder &b, const LinearSpec &spec, Value rows, ValueRange input, ValueRange operands) {
  const kernel::MatmulSpec &matmul = spec.matmul;
  kernel::MatmulArgs call;
  call.m = rows;
  call.input = flat(b, input[0]);
  call.inputStride = b.idx(spec.stride);
  if (matmul.intActivations) {
    QuantizedRow row{spec.k, spec.stride, matmul.activationGroup, matmul.sumGroup};
    call.scales = flat(b, input[1]);
    call.sums = flat(b, input[2]);
    call.scaleStride = b.idx(row.scales());
    call.sumStride = b.idx(row.sums());
  }
  unsigned next = 0;
  auto take = [&] { return flat(b, operands[next++]); };
  call.weights = take();
  call.weightOffset = b.idx(0);
  if (matmul.bias)
    call.bias = take();
  if (matmul.addend) {
    call.addend = take();
    call.addendStride = b.idx(spec.addendStride);
  }
  call.output = take();
  call.outputStride = b.idx(spec.outputStride);
  call.n = b.idx(spec.n);
  call.k = b.idx(spec.k);
  // Each thread gets whole steps, so that only the last one computes single panels.
  int64_t panels = matmul.weight.panels(spec.n), step = std::max<int64_t>(1, kernel::panelStep(matmul, b.facts.version)), steps = (panels + step - 1) / step;
  if (matmul.streams())
    call.prefetch = qk::PrefetchDistanceOp::create(b, b.getIndexType());
  auto module = b.getInsertionBlock()->getParentOp()->getParentOfType<ModuleOp>();
  auto function = module.lookupSymbol<func::FuncOp>(matmul.name());
  if (!function) {
    OpBuilder top = OpBuilder::atBlockEnd(module.getBody());
    function = kernel::buildMatmul(top, b.getLoc(), matmul.name(), matmul, b.facts.version);
    function->setAttr("qk.kernel", b.getUnitAttr());
  }
  if (matmul.rowRange) {                            // neighbours have the same rows
    Value each = b.idx(b.facts.version.shareRows);
    if (matmul.team > 1)
      each = teamRows(b, matmul, rows, steps);
    Value blocks = b.div(b.sub(b.add(rows, each), b.idx(1)), each);
    return b.share(b.mul(blocks, steps), [&](Value unit) {
      call.rowBegin = b.mul(b.div(unit, steps), each);
      call.m = b.min(b.add(call.rowBegin, each), rows);
      call.panelBegin = b.mul(b.rem(unit, steps), step);
      call.panelEnd = b.min(b.add(call.panelBegin, step), b.idx(panels));
      kernel::callMatmul(b, b.getLoc(), function, matmul, call);
    });
  }
  Value thread = qk::ThreadIdOp::create(b, b.getIndexType()), threads = qk::NumThreadsOp::create(b, b.getIndexType());
  call.panelBegin = b.mul(b.div(b.mul(thread, steps), threads), step);
  call.panelEnd = b.min(b.mul(b.div(b.mul(b.add(thread, 1), steps), threads), step), b.idx(panels));
  // Teams divide the sums of a share among their threads.
  if (matmul.team > 1) {
    Operation *kernel = b.getInsertionBlock()->getParentOp();
    kernel->setAttr("qk.team", b.getI64IntegerAttr(matmul.team));
    kernel->setAttr("qk.shares", b.getI64IntegerAttr(steps));
    if (matmul.cluster > 1)
      kernel->setAttr("qk.cluster", b.getI64IntegerAttr(matmul.cluster));
  }
  kernel::callMatmul(b, b.getLoc(), function, matmul, call);
}

static std::string nameOf(const LinearSpec &spec) {
  std::string name = "linear_" + std::to_string(spec.n) + "x" + std::to_string(spec.k) + "_s" + std::to_string(spec.stride) + spec.matmul.name().substr(2);
  if (spec.outputStride != spec.n)
    name += "_y" + std::to_string(spec.outputStride);
  if (spec.matmul.addend && spec.addendStride != spec.n)
    name += "_r" + std::to_string(spec.addendStride);
  return name;
}

FlatSymbolRefAttr qcc::linearKernel(KernelLibrary &library, const LinearSpec &spec) {
  const kernel::MatmulSpec &matmul = spec.matmul;
  MLIRContext *context = library.context();
  SmallVector<Type> types = {rowsOf(spec.stride, matmul.bf16 ? Type(BFloat16Type::get(context)) : Float32Type::get(context))};
  if (matmul.intActivations)
    types = QuantizedRow{spec.k, spec.stride, matmul.activationGroup, matmul.sumGroup}.types(context);
  unsigned inputs = types.size();
  addOperandTypes(context, spec, types);
  return library.get(nameOf(spec), types, [&](KernelBuilder &b, ValueRange args) {
    readAhead(b, spec, args[inputs]);
    Value rows = b.size(matmul.bf16 ? args.back() : args[0], 0);     // tiles are whole
    multiply(b, spec, rows, args.take_front(inputs), args.drop_front(inputs));
  });
}

bool qcc::repeatsRow(const TargetFacts &facts, const QuantizedRow &row, const LinearSpec &linear) {
  return row.k <= int64_t(facts.version.repeatColumns) && linear.matmul.rows == kernel::RowClass::Decode && linear.matmul.team > 1;
}

FlatSymbolRefAttr qcc::linearOfRowKernel(KernelLibrary &library, StringRef name, ArrayRef<Type> inputs, const QuantizedRow &row, const LinearSpec &spec,
                                         function_ref<void(KernelBuilder &, ValueRange, Value, Value, ValueRange)> make) {
  MLIRContext *context = library.context();
  SmallVector<Type> types(inputs);
  if (row.isStatic)
    types.push_back(MemRefType::get({1}, Float32Type::get(context)));
  unsigned operands = types.size();
  addOperandTypes(context, spec, types);
  return library.get(nameOf(spec) + "_of_" + name + (row.isStatic ? "_static" : ""), types, [&](KernelBuilder &b, ValueRange args) {
    readAhead(b, spec, args[operands]);
    // Behind what the team's sums need.
    constexpr int64_t align = 64;
    int64_t at = llvm::alignTo(kernel::teamBytes(spec.matmul), align);
    SmallVector<Value> out;
    for (Type type : row.types(context)) {
      auto rows = cast<MemRefType>(type);
      auto one = MemRefType::get({1, rows.getDimSize(1)}, rows.getElementType());
      Value memory = qk::BindOp::create(b, one, qk::Storage::Team, 0, b.idx(at), ValueRange());
      out.push_back(memref::CastOp::create(b, rows, memory));
      at += llvm::alignTo(one.getNumElements() * one.getElementTypeBitWidth() / 8, align);
    }
    Value rank = qk::TeamRankOp::create(b, b.getIndexType());
    make(b, args.take_front(inputs.size()), rank, row.isStatic ? args[inputs.size()] : Value(), out);
    qk::TeamBarrierOp::create(b);
    multiply(b, spec, b.idx(1), out, args.drop_front(operands));
  });
}
