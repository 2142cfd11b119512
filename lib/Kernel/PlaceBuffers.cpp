// Buffers get places in the arena: slots by liveness, sizes from the program's dimensions. Large buffers choose first (Pisarchyk & Lee, Efficient Memory
// Management for Deep Neural Net Inference, arXiv 2001.03288, "greedy by size"): in the order of the program, small ones take slots that large ones then need.
#include "mlir/Dialect/Bufferization/Transforms/BufferViewFlowAnalysis.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "lib/Kernel/CloneScalar.h"
#include "qcc/Kernel/Passes.h"
namespace qcc {
#define GEN_PASS_DEF_PLACEBUFFERS
#include "qcc/Kernel/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;

namespace {
constexpr int64_t align = 64;

/// The value for plausible dimensions, to tell which buffers are of a size.
int64_t sample(Value value) {
  Operation *op = value.getDefiningOp();
  if (auto number = getConstantIntValue(value))
    return *number;
  if (auto dim = dyn_cast<qk::DimOp>(op))
    return llvm::StringSwitch<int64_t>(dim.getName()).Case("batch", 1).Cases({"past", "total", "context"}, 512).Case("keep", 1).Default(128);
  auto at = [&](unsigned i) { return sample(op->getOperand(i)); };
  if (isa<arith::AddIOp>(op))
    return at(0) + at(1);
  if (isa<arith::SubIOp>(op))
    return at(0) - at(1);
  if (isa<arith::MulIOp>(op))
    return at(0) * at(1);
  if (isa<arith::DivUIOp, arith::DivSIOp, arith::FloorDivSIOp, arith::CeilDivSIOp>(op))
    return at(0) / std::max<int64_t>(at(1), 1);
  return op->getNumOperands() ? at(0) : 1;
}

struct Buffer {
  memref::AllocOp op;
  Value bytes;                     // at the function's entry
  int64_t guess;
  unsigned first, last;            // positions of the function's top-level operations
};
struct Slot {
  Value bytes;
  int64_t guess;                         // of its largest buffer
  SmallVector<const Buffer *> buffers;   // no two of which are alive at once
  bool isFree(const Buffer &buffer) const {
    return llvm::none_of(buffers, [&](const Buffer *other) { return other->first <= buffer.last && buffer.first <= other->last; });
  }
};

/// One function's frame.
class Frame {
public:
  explicit Frame(func::FuncOp function) : function(function), entry(function.front()) {}
  LogicalResult place(Value base);
  /// Where the frames of callees start.
  Value end;

private:
  LogicalResult collect(OpBuilder &b, SmallVectorImpl<Buffer> &buffers);
  func::FuncOp function;
  Block &entry;
};

Value product(OpBuilder &b, Location loc, Value x, Value y) { return arith::MulIOp::create(b, loc, x, y); }

LogicalResult Frame::collect(OpBuilder &b, SmallVectorImpl<Buffer> &buffers) {
  BufferViewFlowAnalysis views(function);
  llvm::DenseMap<Operation *, unsigned> order;
  for (auto [i, op] : llvm::enumerate(entry))
    order[&op] = i;
  IRMapping mapping;
  LogicalResult status = success();
  function.walk([&](memref::AllocOp alloc) {
    Location loc = alloc.getLoc();
    auto type = alloc.getType();
    int64_t fixed = std::max<int64_t>(1, type.getElementTypeBitWidth() / 8);
    for (int64_t extent : type.getShape())
      fixed *= ShapedType::isDynamic(extent) ? 1 : extent;
    Value bytes = arith::ConstantIndexOp::create(b, loc, fixed);
    for (Value size : alloc.getDynamicSizes()) {
      Value extent = cloneScalar(b, size, mapping);
      if (!extent) {
        status = alloc.emitOpError("has a size that does not follow from the program's dimensions");
        return;
      }
      bytes = product(b, loc, bytes, extent);
    }
    Value unit = arith::ConstantIndexOp::create(b, loc, align), less = arith::ConstantIndexOp::create(b, loc, align - 1);
    bytes = product(b, loc, arith::DivUIOp::create(b, loc, arith::AddIOp::create(b, loc, bytes, less), unit), unit);
    unsigned first = order.lookup(entry.findAncestorOpInBlock(*alloc)), last = first;
    for (Value alias : views.resolve(alloc))
      for (Operation *user : alias.getUsers())
        if (Operation *top = entry.findAncestorOpInBlock(*user))
          last = std::max(last, order.lookup(top));
    buffers.push_back({alloc, bytes, sample(bytes), first, last});
  });
  return status;
}

LogicalResult Frame::place(Value base) {
  OpBuilder b = OpBuilder::atBlockBegin(&entry);
  if (Operation *op = base.getDefiningOp())
    b.setInsertionPointAfter(op);
  SmallVector<Buffer> buffers;
  if (failed(collect(b, buffers)))
    return failure();
  SmallVector<unsigned> bySize = llvm::to_vector(llvm::seq<unsigned>(0, buffers.size()));
  llvm::stable_sort(bySize, [&](unsigned a, unsigned b) { return buffers[a].guess > buffers[b].guess; });
  SmallVector<Slot> slots;
  SmallVector<unsigned> slotOf(buffers.size());
  for (unsigned i : bySize) {                                       // the free slot that wastes least; all are as large
    Buffer &buffer = buffers[i];
    Slot *best = nullptr;
    for (Slot &slot : slots)
      if ((!best || slot.guess < best->guess) && slot.isFree(buffer))
        best = &slot;
    if (!best)
      best = &slots.emplace_back(Slot{buffer.bytes, buffer.guess, {}});
    else if (best->bytes != buffer.bytes)                           // guesses may be wrong
      best->bytes = arith::MaxSIOp::create(b, buffer.op.getLoc(), best->bytes, buffer.bytes);
    best->buffers.push_back(&buffer);
    slotOf[i] = best - slots.begin();
  }
  SmallVector<Value> offsets;
  end = base;
  for (Slot &slot : slots) {
    offsets.push_back(end);
    end = arith::AddIOp::create(b, function.getLoc(), end, slot.bytes);
  }
  for (auto [buffer, slot] : llvm::zip(buffers, slotOf)) {
    OpBuilder at(buffer.op);
    auto bind = qk::BindOp::create(at, buffer.op.getLoc(), buffer.op.getType(), qk::Storage::Arena, 0, offsets[slot], buffer.op.getDynamicSizes());
    for (Operation *user : llvm::make_early_inc_range(buffer.op->getUsers()))
      if (isa<memref::DeallocOp>(user))
        user->erase();
    buffer.op.replaceAllUsesWith(bind.getResult());
    buffer.op.erase();
  }
  return success();
}

struct PlaceBuffersPass : qcc::impl::PlaceBuffersBase<PlaceBuffersPass> {
  /// `@<function>.frame`: bytes of the function's frame and of the deepest callee's behind it.
  LogicalResult makeFrameSize(func::FuncOp function, Value end, ArrayRef<func::CallOp> calls) {
    OpBuilder b(function);
    Location loc = function.getLoc();
    auto size = func::FuncOp::create(b, loc, (function.getSymName() + ".frame").str(), b.getFunctionType({}, b.getIndexType()));
    size->setAttr("qk.size", b.getUnitAttr());
    b.setInsertionPointToEnd(size.addEntryBlock());
    IRMapping mapping;
    Value zero = arith::ConstantIndexOp::create(b, loc, 0), deepest = zero;
    if (function.getNumArguments())
      mapping.map(function.getArguments().back(), zero);            // the frame's start, or a buffer, which no size depends on
    Value bytes = cloneScalar(b, end, mapping);
    if (!bytes)
      return function.emitOpError("has a frame whose size does not follow from the program's dimensions");
    llvm::SmallPtrSet<Attribute, 4> seen;
    for (func::CallOp call : calls)
      if (seen.insert(call.getCalleeAttr().getAttr()).second) {
        Value callee = func::CallOp::create(b, loc, (call.getCallee() + ".frame").str(), b.getIndexType()).getResult(0);
        deepest = arith::MaxSIOp::create(b, loc, deepest, callee);
      }
    func::ReturnOp::create(b, loc, arith::AddIOp::create(b, loc, bytes, deepest).getResult());
    return success();
  }

  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    SmallVector<func::FuncOp> functions;
    llvm::DenseMap<Operation *, SmallVector<func::CallOp>> calls;
    llvm::DenseSet<Operation *> callees;
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (function.isExternal() || function->hasAttr("qk.kernel") || function->hasAttr("qk.size"))
        continue;
      functions.push_back(function);
      function.walk([&](func::CallOp call) {
        calls[function].push_back(call);
        callees.insert(symbols.lookup<func::FuncOp>(call.getCallee()));
      });
    }
    for (func::FuncOp function : functions) {
      Value base;
      if (callees.contains(function)) {
        base = function.front().addArgument(IndexType::get(&getContext()), function.getLoc());
        function.setFunctionType(FunctionType::get(&getContext(), function.front().getArgumentTypes(), {}));
      } else {
        OpBuilder b = OpBuilder::atBlockBegin(&function.front());
        base = arith::ConstantIndexOp::create(b, function.getLoc(), 0);
      }
      Frame frame(function);
      if (failed(frame.place(base)) || failed(makeFrameSize(function, frame.end, calls[function])))
        return signalPassFailure();
      for (func::CallOp call : calls[function])
        call->insertOperands(call->getNumOperands(), frame.end);
    }
  }
};
} // namespace
