// Steps to CUDA kernels: the compiler's half of the contract about devices in qcc/Runtime/Program.h.
//
// A kernel's parameters are pointers that stay the same for a session, then the step's own constants, so that a list of launches can be recorded once
// (a CUDA graph). What changes from call to call, the dimensions and buffers, is read from the memory of the call.
#include "lib/Target/NVPTX/NVPTX.h"
#include "dialects/Kernel/Kernel.h"
#include "lib/Kernel/TargetFacts.h"
#include "qcc/Runtime/Program.h"
#include "qcc/Target/DenseMemRef.h"
#include "qcc/Target/NVPTX/Passes.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
namespace qcc {
#define GEN_PASS_DEF_LOWERSTEPS
#include "qcc/Target/NVPTX/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;

namespace {
enum Parameter { Weights, Arena, State, Scratch, Call, NumParameters };
constexpr int64_t warp = 32;
/// Warps of a block: enough to fill a multiprocessor with the 16 or more blocks that it holds.
constexpr int64_t mostWarps = 4;
/// Static shared memory of a block on every device since sm_20 (CUDA programming guide, table of compute capabilities).
constexpr int64_t sharedBytes = 48 << 10;
constexpr const char *wait = "griddepcontrol.wait;";

class StepLowering {
public:
  StepLowering(ModuleOp module, func::FuncOp step) : module(module), step(step), context(module.getContext()), pointer(LLVM::LLVMPointerType::get(context)),
                                                     i64(IntegerType::get(context, 64)), converter(context) {
    if (auto names = module->getAttrOfType<ArrayAttr>("qnt.dims"))
      for (auto name : names.getAsRange<StringAttr>())
        dims.push_back(name.getValue());
  }

  LogicalResult run() {
    Location loc = step.getLoc();
    SmallVector<unsigned> positions(NumParameters, 0);
    SmallVector<Type> types(NumParameters, pointer);
    SmallVector<DictionaryAttr> attributes(NumParameters);
    SmallVector<Location> locations(NumParameters, loc);
    (void)step.insertArguments(positions, types, attributes, locations);
    OpBuilder at = OpBuilder::atBlockBegin(&step.front());
    ImplicitLocOpBuilder b(loc, at);
    bool overlaps = getTargetFacts(module).version.overlapsSteps;
    if (overlaps)
      letNextStepStart(b);
    describe(b);
    markConstantLoads();
    bool failed = false;
    step.walk([&](Operation *op) {
      ImplicitLocOpBuilder here(op->getLoc(), op);
      Value result;
      if (isa<qk::ThreadIdOp>(op))
        result = threadId;
      else if (isa<qk::TeamRankOp>(op))
        result = rank;
      else if (auto barrier = dyn_cast<qk::TeamBarrierOp>(op))
        waitForTeam(here, barrier);
      else if (isa<qk::ClusterRankOp>(op))
        result = clusterRank;
      else if (isa<qk::ClusterArriveOp>(op))
        NVVM::ClusterArriveOp::create(here, here.getUnitAttr());
      else if (isa<qk::ClusterWaitOp>(op))
        NVVM::ClusterWaitOp::create(here, here.getUnitAttr());
      else if (isa<qk::NumThreadsOp>(op))
        result = numThreads;
      else if (isa<qk::PrefetchDistanceOp>(op))
        result = arith::ConstantIndexOp::create(here, 0);
      else if (auto named = dyn_cast<qk::DimOp>(op)) {
        FailureOr<Value> value = dim(here, named, named.getName());
        if ((failed |= mlir::failed(value)))
          return;
        result = *value;
      } else if (auto binding = dyn_cast<qk::BindOp>(op))
        result = bind(here, binding);
      else if (auto failing = dyn_cast<qk::FailOp>(op))
        fail(here, failing);
      else if (auto ahead = dyn_cast<qk::ReadAheadOp>(op))
        readAhead(here, ahead);
      else if (!isa<memref::PrefetchOp>(op))           // other warps run while one waits
        return;
      if (result)
        op->getResult(0).replaceAllUsesWith(result);
      op->erase();
    });
    if (overlaps && !failed)
      waitForStepBefore();
    return success(!failed);
  }

private:
  Value toIndex(ImplicitLocOpBuilder &b, Value v) { return arith::IndexCastOp::create(b, b.getIndexType(), v); }
  Value toI64(ImplicitLocOpBuilder &b, Value v) { return arith::IndexCastOp::create(b, i64, v); }
  Value index(ImplicitLocOpBuilder &b, int64_t v) { return arith::ConstantIndexOp::create(b, v); }

  static Operation *assembly(ImplicitLocOpBuilder &b, StringRef text) {
    // The intrinsics claim to touch no memory, so that LLVM may move loads across; assembly with a clobber says the opposite.
    return LLVM::InlineAsmOp::create(b, TypeRange(), ValueRange(), text, "~{memory}", /*has_side_effects=*/true, /*is_align_stack=*/false,
                                     LLVM::tailcallkind::TailCallKind::None, LLVM::AsmDialectAttr(), ArrayAttr());
  }

  /// Programmatic dependent launch (PTX ISA, griddepcontrol): the next step's blocks may take their places while this one runs, and this one's have
  /// taken theirs while the one before ran.
  void letNextStepStart(ImplicitLocOpBuilder &b) {
    early = assembly(b, "griddepcontrol.launch_dependents;");
    step->setAttr("qk.waits", b.getUnitAttr());
  }

  static constexpr const char *constant = "qk.constant";

  /// Loads of weights, which no step writes.
  void markConstantLoads() {
    step.walk([&](Operation *op) {
      if (!isa<memref::LoadOp, vector::LoadOp, vector::MaskedLoadOp>(op))
        return;
      Value memref = op->getOperand(0);
      while (Operation *source = memref.getDefiningOp()) {
        if (auto bind = dyn_cast<qk::BindOp>(source)) {
          if (bind.getStorage() == qk::Storage::Weights)
            op->setAttr(constant, UnitAttr::get(context));
          return;
        }
        if (!isa<ViewLikeOpInterface, memref::CastOp, memref::CollapseShapeOp, memref::ExpandShapeOp>(source))
          return;
        memref = source->getOperand(0);
      }
    });
  }

  /// Memory that a step before may have written: any but the call's numbers, weights and what `qk.read_ahead` names.
  static bool touchesMemory(Operation &op) {
    return op.walk([](Operation *inner) {
      auto load = dyn_cast<LLVM::LoadOp>(inner);
      bool same = inner->hasTrait<OpTrait::HasRecursiveMemoryEffects>() || isa<LLVM::AssumeOp, NVVM::CpAsyncBulkPrefetchOp, NVVM::ClusterArriveRelaxedOp>(inner) || (load && load.getInvariant()) ||
                  inner->hasAttr(constant);
      return same || isMemoryEffectFree(inner) ? WalkResult::advance() : WalkResult::interrupt();
    }).wasInterrupted();
  }

  /// What does not touch memory and needs nothing that comes after `at` goes before it: first loads of weights are on their way while a step waits.
  static void hoistTo(Operation *at) {
    for (Operation *op = at->getNextNode(), *next; op && !op->hasTrait<OpTrait::IsTerminator>(); op = next) {
      next = op->getNextNode();
      bool needs = op->walk([&](Operation *inner) {
        bool later = llvm::any_of(inner->getOperands(), [&](Value v) {
          Operation *source = v.getDefiningOp();
          source = source ? at->getBlock()->findAncestorOpInBlock(*source) : nullptr;
          return source && source != op && !source->isBeforeInBlock(at);
        });
        return later || isa<LoopLikeOpInterface>(inner) ? WalkResult::interrupt() : WalkResult::advance();
      }).wasInterrupted();
      if (!needs && !touchesMemory(*op))
        op->moveBefore(at);
    }
  }

  /// Waits before the first operation that touches memory: after that everything that was stored by the steps before is visible. A thread without work
  /// ends instead, so that the blocks of later steps find places; those of block 0 wait always, since a step must not end before the one it follows.
  void waitForStepBefore() {
    Block &body = step.front();
    SmallVector<Operation *> touching;
    for (Operation &op : body.without_terminator())
      if (&op != early && touchesMemory(op))
        touching.push_back(&op);
    if (touching.empty())
      touching.push_back(body.getTerminator());
    hoistTo(touching.front());
    ImplicitLocOpBuilder b(step.getLoc(), touching.front());
    auto known = [&](Value v) { return !v.getDefiningOp() || v.getDefiningOp()->isBeforeInBlock(touching.front()); };
    Value works;
    for (Operation *op : touching) {
      auto loop = dyn_cast<scf::ForOp>(op);
      if (!loop || !known(loop.getLowerBound()) || !known(loop.getUpperBound()))
        return (void)assembly(b, wait);
      Value some = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, loop.getLowerBound(), loop.getUpperBound());
      works = works ? arith::OrIOp::create(b, works, some).getResult() : some;
    }
    Value first = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, block, index(b, 0));
    scf::IfOp::create(b, arith::OrIOp::create(b, first, works), [&](OpBuilder &then, Location loc) {
      ImplicitLocOpBuilder in(loc, then);
      assembly(in, wait);
      scf::YieldOp::create(in);
    });
  }

  /// Matrix units read shared memory by a way of their own (PTX ISA, async proxy).
  static void waitForTeam(ImplicitLocOpBuilder &b, qk::TeamBarrierOp barrier) {
    if (barrier.getTiles())
      NVVM::FenceProxyOp::create(b, NVVM::ProxyKind::async_shared, NVVM::SharedSpaceAttr::get(b.getContext(), NVVM::SharedSpace::shared_cta));
    NVVM::BarrierOp::create(b);
  }

  /// Blocks bring parts of the same size into the L2 cache, each its own, up to a length of which all blocks' together leave room for more.
  void readAhead(ImplicitLocOpBuilder &b, qk::ReadAheadOp op) {
    constexpr int64_t most = 64 << 10, line = 128;
    auto type = cast<MemRefType>(op.getMemory().getType());
    Value bytes = index(b, type.getNumElements() * bitsOf(type.getElementType()) / 8);
    Value lines = arith::CeilDivUIOp::create(b, bytes, index(b, line));
    Value part = arith::MulIOp::create(b, arith::CeilDivUIOp::create(b, lines, blocks), index(b, line)), from = arith::MulIOp::create(b, block, part);
    Value inside = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, from, bytes), first = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, threadInBlock, index(b, 0));
    scf::IfOp::create(b, arith::AndIOp::create(b, inside, first), [&](OpBuilder &then, Location loc) {
      ImplicitLocOpBuilder in(loc, then);
      Value left = arith::SubIOp::create(in, bytes, from), size = arith::MinUIOp::create(in, arith::MinUIOp::create(in, part, left), index(in, most));
      Value base = toI64(in, memref::ExtractAlignedPointerAsIndexOp::create(in, op.getMemory()));
      Value address = LLVM::IntToPtrOp::create(in, LLVM::LLVMPointerType::get(context, 1), arith::AddIOp::create(in, base, toI64(in, from)).getResult());
      NVVM::CpAsyncBulkPrefetchOp::create(in, address, arith::IndexCastOp::create(in, in.getI32Type(), size), Value());
      scf::YieldOp::create(in);
    });
  }

  /// The shape of a block, and who the caller is.
  void describe(ImplicitLocOpBuilder &b) {
    auto number = [&](StringRef name) {
      auto attr = step->getAttrOfType<IntegerAttr>(name);
      return attr ? attr.getInt() : 0;
    };
    scratchBytes = number("qk.scratch_bytes");
    int64_t team = number("qk.team"), cluster = number("qk.cluster"), teamBytes = 0, clusterBytes = 0;
    step.walk([&](qk::BindOp bind) {
      bool ofTeam = bind.getStorage() == qk::Storage::Team;
      if (!ofTeam && bind.getStorage() != qk::Storage::Cluster)
        return;
      auto type = cast<MemRefType>(bind.getType());
      int64_t &bytes = ofTeam ? teamBytes : clusterBytes;
      bytes = std::max<int64_t>(bytes, offsetOf(bind) + type.getNumElements() * bitsOf(type.getElementType()) / 8);
    });
    int64_t warps = team ? team : mostWarps;
    while (!team && warps > 1 && warps * scratchBytes > sharedBytes)
      warps /= 2;
    shared = warps * scratchBytes + teamBytes + clusterBytes <= sharedBytes;
    if (!shared && !team)
      warps = mostWarps;
    bool spread = step->hasAttr("qk.lanes");
    step->setAttr("qk.block", b.getI64IntegerAttr(warps * warp));
    step->setAttr("qk.scratch_bytes", b.getI64IntegerAttr(shared ? 0 : warps * scratchBytes));
    auto special = [&](auto op) { return toIndex(b, op.getResult()); };
    block = special(NVVM::BlockIdXOp::create(b, b.getI32Type()));
    blocks = special(NVVM::GridDimXOp::create(b, b.getI32Type()));
    threadInBlock = special(NVVM::ThreadIdXOp::create(b, b.getI32Type()));
    Value inBlock = threadInBlock;
    if (spread)
      inBlock = arith::DivUIOp::create(b, inBlock, index(b, warp));
    int64_t perBlock = spread ? warps : warps * warp;
    Value globalNumber = arith::AddIOp::create(b, arith::MulIOp::create(b, block, index(b, perBlock)), inBlock);
    threadId = team ? block : globalNumber;
    numThreads = team ? blocks : arith::MulIOp::create(b, blocks, index(b, perBlock)).getResult();
    rank = inBlock;
    if (teamBytes)
      teamMemory = sharedMemory(b, teamBytes, "_team");
    if (cluster)
      describeCluster(b, cluster, clusterBytes);
    if (!scratchBytes)
      return;
    Value base = step.getArgument(Scratch);
    if (shared)
      base = sharedMemory(b, warps * scratchBytes, "_scratch");
    Value at = arith::MulIOp::create(b, shared ? inBlock : globalNumber, index(b, scratchBytes));
    scratch = LLVM::GEPOp::create(b, pointer, b.getI8Type(), base, ArrayRef<LLVM::GEPArg>{toI64(b, at)});
  }

  /// Thread block clusters (PTX ISA, section Cluster of Cooperative Thread Arrays): `cluster` consecutive blocks, whose shared memory the others reach.
  void describeCluster(ImplicitLocOpBuilder &b, int64_t cluster, int64_t bytes) {
    NVVM::ClusterArriveRelaxedOp::create(b, b.getUnitAttr());
    clusterRank = toIndex(b, NVVM::ClusterId::create(b, b.getI32Type()));
    threadId = arith::DivUIOp::create(b, threadId, index(b, cluster));
    numThreads = arith::DivUIOp::create(b, numThreads, index(b, cluster));
    Value first = LLVM::ConstantOp::create(b, b.getI32Type(), b.getI32IntegerAttr(0));
    if (bytes)
      clusterMemory = NVVM::MapaOp::create(b, pointer, sharedMemory(b, bytes, "_cluster"), first);
  }

  /// Of team memory: a constant of the kernel.
  static int64_t offsetOf(qk::BindOp bind) { return bind.getOffset() ? *getConstantIntValue(bind.getOffset()) : 0; }

  int64_t bitsOf(Type element) const { return element.isIndex() ? 64 : element.getIntOrFloatBitWidth(); }

  /// Memory of a block.
  Value sharedMemory(ImplicitLocOpBuilder &b, int64_t bytes, StringRef suffix) {
    OpBuilder top(module.getBodyRegion());
    auto type = LLVM::LLVMArrayType::get(b.getI8Type(), bytes);
    auto global = LLVM::GlobalOp::create(top, step.getLoc(), type, /*isConstant=*/false, LLVM::Linkage::Internal, (step.getSymName() + suffix).str(), Attribute(),
                                         /*alignment=*/64, /*addrSpace=*/3);
    return LLVM::AddrSpaceCastOp::create(b, pointer, LLVM::AddressOfOp::create(b, global));
  }

  /// Number `at` of the call's memory; it is the same whenever it is read.
  Value ofCall(ImplicitLocOpBuilder &b, int64_t at, Type type) {
    Value address = LLVM::GEPOp::create(b, pointer, i64, step.getArgument(Call), ArrayRef<LLVM::GEPArg>{int32_t(at)});
    auto load = LLVM::LoadOp::create(b, type, address, /*alignment=*/8);
    load.setInvariant(true);
    return load;
  }

  FailureOr<Value> dim(ImplicitLocOpBuilder &b, qk::DimOp op, StringRef name) {
    if (auto fixed = module->getAttrOfType<DictionaryAttr>("qnt.fixed_dims"))
      if (auto extent = fixed.getAs<IntegerAttr>(name))
        return index(b, extent.getInt());
    auto at = llvm::find(dims, name);
    if (at != dims.end())
      return toIndex(b, ofCall(b, QCC_CALL_DIMS + (at - dims.begin()), i64));
    if (name == "total") {
      FailureOr<Value> past = dim(b, op, "past"), seq = dim(b, op, "seq");
      if (failed(past) || failed(seq))
        return failure();
      return Value(arith::AddIOp::create(b, *past, *seq));
    }
    if (name == "past") // a program that keeps no state: encoders
      return index(b, 0);
    return op.emitOpError("the program has no dimension '") << name << "'";
  }

  /// Says that `address` is a multiple of `bytes`, which lets loads of bytes become loads of words.
  void assumeAligned(ImplicitLocOpBuilder &b, Value address, int64_t bytes) {
    Value yes = LLVM::ConstantOp::create(b, b.getI1Type(), b.getBoolAttr(true)), alignment = LLVM::ConstantOp::create(b, i64, b.getI64IntegerAttr(bytes));
    LLVM::AssumeOp::create(b, yes, LLVM::AssumeAlignTag(), address, alignment);
  }

  Value bind(ImplicitLocOpBuilder &b, qk::BindOp op) {
    auto type = cast<MemRefType>(op.getType());
    Value base;
    switch (op.getStorage()) {
    case qk::Storage::Weights: base = step.getArgument(Weights); break;
    case qk::Storage::Arena: base = step.getArgument(Arena); break;
    case qk::Storage::State: base = step.getArgument(State); break;
    case qk::Storage::Port: base = ofCall(b, QCC_CALL_DIMS + int64_t(dims.size()) + int64_t(op.getPort()), pointer); break;
    case qk::Storage::Scratch: base = scratch; break;
    case qk::Storage::Team: base = teamMemory; break;
    case qk::Storage::Cluster: base = clusterMemory; break;
    }
    if (op.getOffset())
      base = LLVM::GEPOp::create(b, pointer, b.getI8Type(), base, ArrayRef<LLVM::GEPArg>{toI64(b, op.getOffset())});
    if (op.getStorage() != qk::Storage::Scratch)       // Program.h; offsets in the weights and the arena are multiples too
      assumeAligned(b, base, 64);
    else
      assumeAligned(b, base, 16);
    return denseMemRef(b, converter, type, base, op.getSizes());
  }

  /// The first thread to fail, by an exchange in memory of the device, tells the caller.
  void fail(ImplicitLocOpBuilder &b, qk::FailOp op) {
    Value status = step.getArgument(Call);
    Value none = LLVM::ConstantOp::create(b, i64, b.getI64IntegerAttr(0)), code = LLVM::ConstantOp::create(b, i64, b.getI64IntegerAttr(op.getCode()));
    Value swap = LLVM::AtomicCmpXchgOp::create(b, status, none, code, LLVM::AtomicOrdering::monotonic, LLVM::AtomicOrdering::monotonic);
    Value first = LLVM::ExtractValueOp::create(b, swap, ArrayRef<int64_t>{1});
    scf::IfOp::create(b, first, [&](OpBuilder &then, Location loc) {
      ImplicitLocOpBuilder in(loc, then);
      Value caller = ofCall(in, QCC_CALL_STATUS, pointer);
      LLVM::StoreOp::create(in, code, caller);
      LLVM::StoreOp::create(in, op.getDetail(), LLVM::GEPOp::create(in, pointer, i64, caller, ArrayRef<LLVM::GEPArg>{1}));
      scf::YieldOp::create(in);
    });
  }

  ModuleOp module;
  func::FuncOp step;
  MLIRContext *context;
  Type pointer, i64;
  LLVMTypeConverter converter;
  SmallVector<StringRef> dims;
  int64_t scratchBytes = 0;
  bool shared = false;
  Value threadId, numThreads, rank, clusterRank, scratch, teamMemory, clusterMemory, block, blocks, threadInBlock;
  Operation *early = nullptr;                          // where the next step may start
};

struct LowerStepsPass : qcc::impl::LowerStepsBase<LowerStepsPass> {
  void runOnOperation() override {
    SmallVector<func::FuncOp> functions(getOperation().getOps<func::FuncOp>());
    for (func::FuncOp function : functions) {
      if (!function->hasAttr("qk.step"))
        function.erase();
      else if (failed(StepLowering(getOperation(), function).run()))
        return signalPassFailure();
    }
  }
};
} // namespace
