// Program operations to accesses of the invocation: the compiler's half of the contract in qcc/Runtime/Program.h.
#include "dialects/Kernel/Kernel.h"
#include "qcc/Runtime/Program.h"
#include "qcc/Target/DenseMemRef.h"
#include "qcc/Target/Passes.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include <cstddef>
namespace qcc {
#define GEN_PASS_DEF_LOWERPROGRAM
#include "qcc/Target/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;

namespace {
/// Fields of qcc_invocation, each 8 bytes, in order.
enum Field { Weights, Arena, State, Buffers, Dims, Status, Threads, Barrier, Meeting, Prefetch, Observe, NumFields };
#define QCC_CHECK_FIELD(field, name) static_assert(offsetof(qcc_invocation, name) == 8 * field, "the code generator and the runtime disagree");
QCC_CHECK_FIELD(Weights, weights)
QCC_CHECK_FIELD(Arena, arena)
QCC_CHECK_FIELD(State, state)
QCC_CHECK_FIELD(Buffers, buffers)
QCC_CHECK_FIELD(Dims, dims)
QCC_CHECK_FIELD(Status, status)
QCC_CHECK_FIELD(Threads, threads)
QCC_CHECK_FIELD(Barrier, barrier)
QCC_CHECK_FIELD(Meeting, meeting)
QCC_CHECK_FIELD(Prefetch, prefetch)
QCC_CHECK_FIELD(Observe, observe)
static_assert(sizeof(qcc_invocation) == 8 * NumFields, "the runtime has a field that the code generator does not know");
#undef QCC_CHECK_FIELD

class ProgramLowering {
public:
  ProgramLowering(ModuleOp module, StringRef prefix)
      : module(module), prefix(prefix), context(module.getContext()), pointer(LLVM::LLVMPointerType::get(context)), i64(IntegerType::get(context, 64)),
        converter(context) {
    if (auto names = module->getAttrOfType<ArrayAttr>("qnt.dims"))
      for (auto name : names.getAsRange<StringAttr>())
        dims.push_back(name.getValue());
  }

  LogicalResult run() {
    SmallVector<func::FuncOp> functions;
    for (auto function : module.getOps<func::FuncOp>())
      if (!function.isExternal())
        functions.push_back(function);
    for (func::FuncOp function : functions)
      addParameters(function);
    for (func::FuncOp function : functions)
      if (failed(lower(function)))
        return failure();
    for (func::FuncOp function : functions)
      exportToRuntime(function);
    return success();
  }

private:
  static bool isSize(FunctionType type) { return type.getNumInputs() == 0 && type.getNumResults() == 1 && type.getResult(0).isIndex(); }

  void addParameters(func::FuncOp function) {
    if (isSize(function.getFunctionType()))
      sizes.insert(function);
    Location loc = function.getLoc();
    (void)function.insertArguments({0, 0}, {pointer, i64}, {DictionaryAttr(), DictionaryAttr()}, {loc, loc});
  }

  /// The value of a field; it is the same whenever it is read.
  Value field(ImplicitLocOpBuilder &b, Value invocation, Field at, Type type) {
    Value address = LLVM::GEPOp::create(b, pointer, i64, invocation, ArrayRef<LLVM::GEPArg>{int32_t(at)});
    auto load = LLVM::LoadOp::create(b, type, address);
    load.setInvariant(true);
    return load;
  }
  Value element(ImplicitLocOpBuilder &b, Value array, int64_t at, Type type) {
    Value address = LLVM::GEPOp::create(b, pointer, i64, array, ArrayRef<LLVM::GEPArg>{int32_t(at)});
    auto load = LLVM::LoadOp::create(b, type, address);
    load.setInvariant(true);
    return load;
  }
  Value toIndex(ImplicitLocOpBuilder &b, Value v) { return arith::IndexCastOp::create(b, b.getIndexType(), v); }
  Value toI64(ImplicitLocOpBuilder &b, Value v) { return arith::IndexCastOp::create(b, i64, v); }

  FailureOr<Value> dim(ImplicitLocOpBuilder &b, Value invocation, qk::DimOp op, StringRef name) {
    if (auto fixed = module->getAttrOfType<DictionaryAttr>("qnt.fixed_dims"))
      if (auto extent = fixed.getAs<IntegerAttr>(name))
        return Value(arith::ConstantIndexOp::create(b, extent.getInt()));
    auto at = llvm::find(dims, name);
    if (at != dims.end())
      return toIndex(b, element(b, field(b, invocation, Dims, pointer), at - dims.begin(), i64));
    if (name == "total") {
      FailureOr<Value> past = dim(b, invocation, op, "past"), seq = dim(b, invocation, op, "seq");
      if (failed(past) || failed(seq))
        return failure();
      return Value(arith::AddIOp::create(b, *past, *seq));
    }
    if (name == "past") // a program that keeps no state: encoders
      return Value(arith::ConstantIndexOp::create(b, 0));
    return op.emitOpError("the program has no dimension '") << name << "'";
  }

  Value bind(ImplicitLocOpBuilder &b, Value invocation, qk::BindOp op) {
    auto type = cast<MemRefType>(op.getType());
    static constexpr Field fields[] = {Weights, Arena, State, Buffers};
    Value base = field(b, invocation, fields[int(op.getStorage())], pointer);
    if (op.getStorage() == qk::Storage::Port)
      base = element(b, base, op.getPort(), pointer);
    if (op.getOffset())
      base = LLVM::GEPOp::create(b, pointer, b.getI8Type(), base, ArrayRef<LLVM::GEPArg>{toI64(b, op.getOffset())});
    return denseMemRef(b, converter, type, base, op.getSizes());
  }

  /// The first thread to fail leaves its code and detail.
  void fail(ImplicitLocOpBuilder &b, Value invocation, qk::FailOp op) {
    Value status = field(b, invocation, Status, pointer);
    Value none = LLVM::ConstantOp::create(b, i64, b.getI64IntegerAttr(0)), code = LLVM::ConstantOp::create(b, i64, b.getI64IntegerAttr(op.getCode()));
    Value swap = LLVM::AtomicCmpXchgOp::create(b, status, none, code, LLVM::AtomicOrdering::monotonic, LLVM::AtomicOrdering::monotonic);
    Value first = LLVM::ExtractValueOp::create(b, swap, ArrayRef<int64_t>{1});
    // Without a branch: the others write their detail to a place of their own.
    Value detail = op.getDetail(), target = LLVM::GEPOp::create(b, pointer, i64, status, ArrayRef<LLVM::GEPArg>{1});
    auto parent = op->getParentOfType<func::FuncOp>();
    Value spare;
    {
      OpBuilder::InsertionGuard entry(b);
      b.setInsertionPointToStart(&parent.getBody().front());
      Value count = LLVM::ConstantOp::create(b, i64, b.getI64IntegerAttr(1));
      spare = LLVM::AllocaOp::create(b, pointer, i64, count);
    }
    LLVM::StoreOp::create(b, detail, LLVM::SelectOp::create(b, first, target, spare));
  }

  Value addressOf(ImplicitLocOpBuilder &b, Value memref) {
    return LLVM::IntToPtrOp::create(b, pointer, toI64(b, memref::ExtractAlignedPointerAsIndexOp::create(b, memref)));
  }

  void observe(ImplicitLocOpBuilder &b, Value invocation, qk::ObserveOp op) {
    Value callee = field(b, invocation, Observe, pointer), rows = toI64(b, memref::DimOp::create(b, op.getValues(), 0));
    Value columns = toI64(b, memref::DimOp::create(b, op.getValues(), 1));
    Value weight = op.getWeight() ? addressOf(b, op.getWeight()) : LLVM::ZeroOp::create(b, pointer).getResult();
    auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(context), {pointer, pointer, pointer, i64, i64});
    LLVM::CallOp::create(b, type, ValueRange{callee, invocation, weight, addressOf(b, op.getValues()), rows, columns});
  }

  LogicalResult lower(func::FuncOp function) {
    Value invocation = function.getArgument(0), thread = function.getArgument(1);
    bool failed = false;
    function.walk([&](Operation *op) {
      ImplicitLocOpBuilder b(op->getLoc(), op);
      Value result;
      if (auto id = dyn_cast<qk::ThreadIdOp>(op))
        result = toIndex(b, thread);
      else if (auto count = dyn_cast<qk::NumThreadsOp>(op))
        result = toIndex(b, field(b, invocation, Threads, i64));
      else if (isa<qk::PrefetchDistanceOp>(op))
        result = toIndex(b, field(b, invocation, Prefetch, i64));
      else if (auto named = dyn_cast<qk::DimOp>(op)) {
        FailureOr<Value> value = dim(b, invocation, named, named.getName());
        if ((failed |= mlir::failed(value)))
          return;
        result = *value;
      } else if (auto binding = dyn_cast<qk::BindOp>(op)) {
        if (binding.getStorage() > qk::Storage::Port) {
          binding.emitOpError("binds memory that only programs of devices have");
          failed = true;
          return;
        }
        result = bind(b, invocation, binding);
      } else if (auto failing = dyn_cast<qk::FailOp>(op))
        fail(b, invocation, failing);
      else if (auto observing = dyn_cast<qk::ObserveOp>(op))
        observe(b, invocation, observing);
      else if (auto barrier = dyn_cast<qk::BarrierOp>(op)) {
        Value callee = field(b, invocation, Barrier, pointer);
        Value region = LLVM::ConstantOp::create(b, i64, b.getI64IntegerAttr(barrier.getRegion() ? int64_t(*barrier.getRegion()) : -1));
        auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(context), {pointer, i64, i64});
        LLVM::CallOp::create(b, type, ValueRange{callee, invocation, thread, region});
      } else if (auto call = dyn_cast<func::CallOp>(op)) {
        auto callee = module.lookupSymbol<func::FuncOp>(call.getCallee());
        if (callee && !callee.isExternal())
          call->insertOperands(0, {invocation, thread});
        // A region is long, and its call costs nothing beside it. Inlined, it would be optimized twice, the second time in a function of all regions.
        if (callee && callee->hasAttr("qk.kernel") && !function->hasAttr("qk.kernel"))
          call.setNoInline(true);
        return;
      } else
        return;
      if (result)
        op->getResult(0).replaceAllUsesWith(result);
      op->erase();
    });
    return success(!failed);
  }

  /// Programs get their exported name; sizes that the runtime asks for get a wrapper that takes the dimensions alone.
  void exportToRuntime(func::FuncOp function) {
    StringRef name = function.getSymName();
    auto isProgram = [](StringRef n) { return n == "decode" || n == "short" || n == "long"; };
    if (isProgram(name)) {
      function.setSymName((prefix + name).str());
      return;
    }
    if (!sizes.contains(function) || !(name == "state_bytes" || name.starts_with("dim.") || (name.ends_with(".frame") && isProgram(name.drop_back(6)))))
      return;
    OpBuilder at(function);
    ImplicitLocOpBuilder b(function.getLoc(), at);
    auto wrapper = func::FuncOp::create(b, (prefix + name + ".of").str(), b.getFunctionType({pointer}, {i64}));
    b.setInsertionPointToStart(wrapper.addEntryBlock());
    Value count = LLVM::ConstantOp::create(b, i64, b.getI64IntegerAttr(NumFields));
    Value invocation = LLVM::AllocaOp::create(b, pointer, i64, count);
    LLVM::StoreOp::create(b, wrapper.getArgument(0), LLVM::GEPOp::create(b, pointer, i64, invocation, ArrayRef<LLVM::GEPArg>{int32_t(Dims)}));
    Value thread = LLVM::ConstantOp::create(b, i64, b.getI64IntegerAttr(0));
    auto call = func::CallOp::create(b, function, ValueRange{invocation, thread});
    func::ReturnOp::create(b, toI64(b, call.getResult(0)));
  }

  ModuleOp module;
  StringRef prefix;
  MLIRContext *context;
  Type pointer, i64;
  LLVMTypeConverter converter;
  SmallVector<StringRef> dims;
  llvm::SmallPtrSet<Operation *, 8> sizes;
};

struct LowerProgramPass : qcc::impl::LowerProgramBase<LowerProgramPass> {
  using LowerProgramBase::LowerProgramBase;
  void runOnOperation() override {
    if (failed(ProgramLowering(getOperation(), prefix).run()))
      signalPassFailure();
  }
};
} // namespace
