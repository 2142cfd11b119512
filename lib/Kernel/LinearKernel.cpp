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

FlatSymbolRefAttr qcc::linearKernel(KernelLibrary &library, const LinearSpec &spec) {
  const kernel::MatmulSpec &matmul = spec.matmul;
  MLIRContext *context = library.context();
  Type f32 = Float32Type::get(context), i8 = IntegerType::get(context, 8);
  SmallVector<Type> types = {rowsOf(spec.stride, matmul.bf16 ? Type(BFloat16Type::get(context)) : f32)};
  QuantizedRow row{spec.k, spec.stride, matmul.activationGroup, matmul.sumGroup};
  if (matmul.intActivations)
    types = row.types(context);
  types.push_back(MemRefType::get({matmul.weight.bytes(spec.n, spec.k)}, i8));
  if (matmul.bias)
    types.push_back(MemRefType::get({spec.n}, f32));
  if (matmul.addend)
    types.push_back(rowsOf(spec.addendStride, f32));
  types.push_back(rowsOf(spec.outputStride, f32));
  std::string name = "linear_" + std::to_string(spec.n) + "x" + std::to_string(spec.k) + "_s" + std::to_string(spec.stride) + matmul.name().substr(2);
  if (spec.outputStride != spec.n)
    name += "_y" + std::to_string(spec.outputStride);
  if (matmul.addend && spec.addendStride != spec.n)
    name += "_r" + std::to_string(spec.addendStride);
  return library.get(name, types, [&](KernelBuilder &b, ValueRange args) {
    if (matmul.streams() && b.facts.version.overlapsSteps)
      qk::ReadAheadOp::create(b, args[matmul.intActivations ? 3 : 1]);
    kernel::MatmulArgs call;
    unsigned next = 0;
    auto take = [&] { return flat(b, args[next++]); };
    call.m = b.size(matmul.bf16 ? args.back() : args[0], 0);         // tiles are whole
    call.input = take();
    call.inputStride = b.idx(spec.stride);
    if (matmul.intActivations) {
      call.scales = take();
      call.sums = take();
      call.scaleStride = b.idx(row.scales());
      call.sumStride = b.idx(row.sums());
    }
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
      int64_t each = b.facts.version.shareRows;
      Value rows = call.m;
      return b.share(b.mul(b.ceilDiv(rows, each), steps), [&](Value unit) {
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
    if (matmul.team > 1)
      b.getInsertionBlock()->getParentOp()->setAttr("qk.team", b.getI64IntegerAttr(matmul.team));
    kernel::callMatmul(b, b.getLoc(), function, matmul, call);
  });
}
