// Function boundaries: ports and state come from the invocation, results go where the caller says.
#include "lib/Kernel/CacheLayout.h"
#include "lib/Kernel/CloneScalar.h"
#include "lib/Kernel/ComponentLayout.h"
#include "lib/Kernel/Packing.h"
#include "lib/Kernel/RowLayout.h"
#include "lib/Kernel/SymbolicDims.h"
#include "lib/Kernel/UsedLayouts.h"
#include "llvm/ADT/MapVector.h"
#include "qcc/Kernel/Passes.h"
namespace qcc {
#define GEN_PASS_DEF_LOWERBOUNDARIES
#include "qcc/Kernel/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;

/// `value` as `type`; a cast back gives what was cast.
static Value castTo(OpBuilder &b, Location loc, Value value, Type type) {
  if (auto cast = value.getDefiningOp<UnrealizedConversionCastOp>(); cast && cast.getOperand(0).getType() == type)
    return cast.getOperand(0);
  return UnrealizedConversionCastOp::create(b, loc, type, value).getResult(0);
}

namespace {
struct LowerBoundariesPass : qcc::impl::LowerBoundariesBase<LowerBoundariesPass> {
  unsigned lanes = 16;

  /// The memref that stands for a tensor which kernels read in a packed layout; null when it stays a tensor.
  MemRefType packedType(Value value) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    bool mixed = false;
    if (!type || !type.hasStaticShape())
      return {};
    WeightLayout layout = layoutOfUses(value, mixed);
    if (layout == WeightLayout::Plain || type.getRank() != 2)
      return {};
    auto error = [&] { return emitError(value.getLoc()); };
    int64_t bytes = 0;
    if (layout == WeightLayout::Panels) {
      auto panels = kernel::PanelLayout::get(type.getElementType(), lanes, error);
      bytes = succeeded(panels) ? panels->bytes(type.getDimSize(0), type.getDimSize(1)) : -1;
    } else if (layout == WeightLayout::Components) {
      auto components = kernel::ComponentLayout::get(type.getElementType(), type.getDimSize(1), error);
      bytes = succeeded(components) ? components->rowBytes() * type.getDimSize(0) : -1;
    } else {
      auto rows = kernel::RowLayout::get(type.getElementType(), type.getDimSize(1), error);
      bytes = succeeded(rows) ? rows->bytes(type.getDimSize(0)) : -1;
    }
    return bytes < 0 ? MemRefType() : MemRefType::get({bytes}, IntegerType::get(&getContext(), 8));
  }

  /// What a callee takes in place of `argument`, or null when it stays.
  Type newArgumentType(BlockArgument argument) {
    if (auto cache = dyn_cast<qnt::CacheType>(argument.getType()))
      return CacheLayout(cache, lanes).type();
    return packedType(argument);
  }

  LogicalResult bindWeights(ModuleOp module) {
    SymbolTable symbols(module);
    SmallVector<qnt::WeightOp> weights;
    module.walk([&](qnt::WeightOp op) { weights.push_back(op); });
    for (qnt::WeightOp weight : weights) {
      auto decl = symbols.lookup<qnt::WeightDeclOp>(weight.getDecl());
      if (!decl.getOffset())
        return weight.emitOpError("refers to ") << weight.getDecl() << ", which has no place in the weights file";
      OpBuilder b(weight);
      Location loc = weight.getLoc();
      auto type = cast<RankedTensorType>(weight.getType());
      MemRefType packed = packedType(weight);
      auto memref = packed ? packed : MemRefType::get(type.getShape(), type.getElementType());
      Value offset = arith::ConstantIndexOp::create(b, loc, *decl.getOffset());
      Value bound = qk::BindOp::create(b, loc, memref, qk::Storage::Weights, 0, offset, ValueRange());
      Value tensor = packed ? castTo(b, loc, bound, type)
                            : bufferization::ToTensorOp::create(b, loc, type, bound, /*restrict=*/true).getResult();
      weight.replaceAllUsesWith(tensor);
      weight.erase();
    }
    return success();
  }

  /// Arguments of a program: ports and state.
  LogicalResult bindArguments(func::FuncOp program) {
    OpBuilder b = OpBuilder::atBlockBegin(&program.front());
    Location loc = program.getLoc();
    KernelBuilder k(loc, b, getTargetFacts(program));
    Value batch = materializeDim(b, loc, "batch");
    int64_t port = 0;
    // Number times size, not a running sum: programs of devices find layers alike by the shape of their operands' arithmetic.
    llvm::SmallMapVector<Type, int64_t, 2> caches;                  // how many of each type
    auto elements = [&](qnt::CacheType type) {
      CacheLayout layout(type, lanes);
      return layout.elements(k, batch, layout.capacity(k, k.dim("context")));
    };
    auto stateBytes = [&] {
      Value bytes = k.idx(0);
      for (auto [type, count] : caches) {
        int64_t each = CacheLayout(cast<qnt::CacheType>(type), lanes).elementBytes();
        bytes = k.add(bytes, k.mul(k.mul(k.ceilDiv(k.mul(elements(cast<qnt::CacheType>(type)), each), 64), 64), count));
      }
      return bytes;
    };
    k.setInsertionPointAfter(batch.getDefiningOp());
    for (BlockArgument argument : program.getArguments()) {
      Value value;
      if (auto type = dyn_cast<qnt::CacheType>(argument.getType())) {
        value = castTo(k, loc, qk::BindOp::create(k, CacheLayout(type, lanes).type(), qk::Storage::State, 0, stateBytes(), elements(type)), type);
        ++caches[type];
      } else {
        auto tensor = cast<RankedTensorType>(argument.getType());
        auto sizes = materializeDynamicDims(k, loc, argument);
        if (!sizes)
          return program.emitOpError("argument ") << argument.getArgNumber() << " has a dimension without a name in 'qnt.dims'";
        auto memref = MemRefType::get(tensor.getShape(), tensor.getElementType());
        Value bound = qk::BindOp::create(k, memref, qk::Storage::Port, port++, Value(), *sizes);
        value = bufferization::ToTensorOp::create(k, tensor, bound, /*restrict=*/true);
      }
      argument.replaceAllUsesWith(value);
    }
    if (!caches.empty())
      makeStateBytes(program, k, stateBytes());
    return bindResults(program, k, port);
  }

  LogicalResult bindResults(func::FuncOp program, KernelBuilder &k, int64_t port) {
    auto terminator = program.front().getTerminator();
    for (OpOperand &result : terminator->getOpOperands()) {
      auto type = cast<RankedTensorType>(result.get().getType());
      auto dims = program.getResultAttrOfType<ArrayAttr>(result.getOperandNumber(), "qnt.dims");
      SmallVector<Value> sizes;
      for (int64_t i = 0; i < type.getRank(); ++i) {
        if (!type.isDynamicDim(i))
          continue;
        auto name = dims && i < int64_t(dims.size()) ? std::optional(cast<StringAttr>(dims[i]).str()) : dimName(result.get(), i);
        if (!name)
          return program.emitOpError("result ") << result.getOperandNumber() << " has a dimension without a name in 'qnt.dims'";
        sizes.push_back(materializeDim(k, k.getLoc(), *name));
      }
      auto memref = MemRefType::get(type.getShape(), type.getElementType());
      Value bound = qk::BindOp::create(k, memref, qk::Storage::Port, port++, Value(), sizes);
      writeTo(result.get(), bound, terminator);
    }
    terminator->setOperands({});
    program.front().eraseArguments(0, program.getNumArguments());
    program.setFunctionType(FunctionType::get(&getContext(), {}, {}));
    program.removeArgAttrsAttr();
    program.removeResAttrsAttr();
    return success();
  }

  static void writeTo(Value tensor, Value memref, Operation *before) {
    OpBuilder b(before);
    bufferization::MaterializeInDestinationOp::create(b, before->getLoc(), Type(), tensor, memref, /*restrict=*/true, /*writable=*/true);
  }

  /// `@state_bytes`: how much state the program needs, from its dimensions.
  void makeStateBytes(func::FuncOp program, KernelBuilder &k, Value bytes) {
    auto module = getOperation();
    // The class for any number of rows: others have constants for some dimensions. Without it the dimensions are fixed.
    bool general = program->getAttrOfType<StringAttr>("qk.rows") == "long" || !module.lookupSymbol("long");
    if (!general || module.lookupSymbol("state_bytes"))
      return;
    OpBuilder b = OpBuilder::atBlockEnd(module.getBody());
    auto function = func::FuncOp::create(b, program.getLoc(), "state_bytes", b.getFunctionType({}, b.getIndexType()));
    function->setAttr("qk.size", b.getUnitAttr());
    b.setInsertionPointToEnd(function.addEntryBlock());
    IRMapping mapping;
    func::ReturnOp::create(b, program.getLoc(), cloneScalar(b, bytes, mapping));
  }

  void rewriteCallee(func::FuncOp callee) {
    Block &entry = callee.front();
    OpBuilder b = OpBuilder::atBlockBegin(&entry);
    for (BlockArgument argument : entry.getArguments()) {
      Type type = newArgumentType(argument), old = argument.getType();
      if (!type)
        continue;
      auto cast = UnrealizedConversionCastOp::create(b, callee.getLoc(), old, argument);
      argument.replaceAllUsesExcept(cast.getResult(0), cast);
      argument.setType(type);
    }
    Operation *terminator = entry.getTerminator();
    for (Value result : terminator->getOperands()) {
      auto type = cast<RankedTensorType>(result.getType());
      writeTo(result, entry.addArgument(MemRefType::get(type.getShape(), type.getElementType()), callee.getLoc()), terminator);
    }
    terminator->setOperands({});
    callee.setFunctionType(FunctionType::get(&getContext(), entry.getArgumentTypes(), {}));
    callee.removeResAttrsAttr();
  }

  LogicalResult rewriteCall(func::CallOp call, ArrayRef<SmallVector<std::string>> resultDims) {
    auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(call, call.getCalleeAttr());
    OpBuilder b(call);
    Location loc = call.getLoc();
    SmallVector<Value> operands, tensors;
    for (auto [operand, type] : llvm::zip(call.getOperands(), callee.getArgumentTypes()))
      operands.push_back(operand.getType() == type ? operand : castTo(b, loc, operand, type));
    SmallVector<Value> buffers;
    for (auto [result, names] : llvm::zip(call.getResults(), resultDims)) {
      auto type = cast<RankedTensorType>(result.getType());
      SmallVector<Value> sizes;
      for (const std::string &name : names)
        sizes.push_back(materializeDim(b, loc, name));
      buffers.push_back(memref::AllocOp::create(b, loc, MemRefType::get(type.getShape(), type.getElementType()), sizes));
    }
    llvm::append_range(operands, buffers);
    func::CallOp::create(b, loc, callee, operands);
    for (auto [result, buffer] : llvm::zip(call.getResults(), buffers))
      result.replaceAllUsesWith(bufferization::ToTensorOp::create(b, loc, result.getType(), buffer, /*restrict=*/true));
    call.erase();
    return success();
  }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    lanes = getTargetFacts(module).panelLanes;
    if (failed(bindWeights(module)))
      return signalPassFailure();
    // Names of the results' dimensions first: they are found through calls, which are about to change.
    SmallVector<func::CallOp> calls;
    module.walk([&](func::CallOp call) { calls.push_back(call); });
    SmallVector<SmallVector<SmallVector<std::string>>> dims;
    llvm::SetVector<func::FuncOp> callees;
    for (func::CallOp call : calls) {
      auto &names = dims.emplace_back();
      auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(call, call.getCalleeAttr());
      callees.insert(callee);
      for (Value result : call.getResults()) {
        auto type = cast<RankedTensorType>(result.getType());
        auto &one = names.emplace_back();
        for (int64_t i = 0; i < type.getRank(); ++i)
          if (type.isDynamicDim(i)) {
            auto name = dimName(result, i);
            if (!name) {
              call.emitOpError("has a result whose dimension ") << i << " does not follow from the program's dimensions";
              return signalPassFailure();
            }
            one.push_back(*name);
          }
      }
    }
    SmallVector<func::FuncOp> programs;
    for (auto function : module.getOps<func::FuncOp>())
      if (!function.isExternal() && !callees.contains(function) && !function->hasAttr("qk.kernel") && !function->hasAttr("qk.size"))
        programs.push_back(function);
    for (func::FuncOp callee : callees)
      rewriteCallee(callee);
    for (auto [call, names] : llvm::zip(calls, dims))
      if (failed(rewriteCall(call, names)))
        return signalPassFailure();
    for (func::FuncOp program : programs)
      if (failed(bindArguments(program)))
        return signalPassFailure();
  }
};
} // namespace
