// Programs of a device: what lies between two barriers becomes a function of its own, and a program a list of calls of such functions.
//
// A step computes its own operands from the program's dimensions, so that a list serves every call of the program whatever its dimensions. Layers
// call the same steps with other weights: steps that differ in constants alone are one function, and these constants are its parameters.
#include "dialects/Kernel/Kernel.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "qcc/Target/Passes.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include <memory>
#include <vector>
namespace qcc {
#define GEN_PASS_DEF_OUTLINESTEPS
#include "qcc/Target/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;

namespace {
/// One function for all steps of a shape, with the constants of each step in order.
struct Shape {
  func::FuncOp function;
  SmallVector<arith::ConstantOp> constants;
  SmallVector<SmallVector<int64_t>> values;
  SmallVector<unsigned> parameters;                    // positions of the constants that differ
};
struct Launch {
  Shape *shape;
  unsigned step;                                       // index in shape->values
  Location loc;
};

/// The body of the single block of `callee` instead of `call`.
void inlineCall(func::CallOp call, func::FuncOp callee) {
  IRMapping mapping;
  mapping.map(callee.getArguments(), call.getOperands());
  OpBuilder b(call);
  for (Operation &op : callee.front().without_terminator())
    b.clone(op, mapping);
  call.erase();
}

bool isIndexConstant(Operation &op) { return isa<arith::ConstantOp>(op) && op.getResult(0).getType().isIndex(); }

/// What makes two steps one: everything but the values of index constants.
std::string keyOf(func::FuncOp function, SmallVectorImpl<arith::ConstantOp> &constants) {
  std::string key;
  llvm::raw_string_ostream out(key);
  llvm::DenseMap<Value, unsigned> numbers;
  function.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (op == function)
      return;
    out << op->getName() << "(";
    for (Value operand : op->getOperands())
      out << numbers.lookup(operand) << ",";
    out << ")";
    if (isIndexConstant(*op))
      constants.push_back(cast<arith::ConstantOp>(op));
    else
      out << op->getAttrDictionary();
    for (Value result : op->getResults()) {
      numbers[result] = numbers.size() + 1;
      out << ":" << result.getType();
    }
    for (Region &region : op->getRegions())
      for (Block &block : region)
        for (BlockArgument argument : block.getArguments())
          numbers[argument] = numbers.size() + 1;
    out << ";";
  });
  return key;
}

class Outliner {
public:
  explicit Outliner(ModuleOp module) : module(module), symbols(module) {}

  LogicalResult run() {
    SmallVector<func::FuncOp> programs, others;
    for (auto function : module.getOps<func::FuncOp>()) {
      if (function->hasAttr("qk.size"))
        continue;
      bool isProgram = function->hasAttr("qk.rows") && !function.isPrivate();
      (isProgram ? programs : others).push_back(function);
    }
    for (func::FuncOp program : programs)
      if (failed(outline(program)))
        return failure();
    for (auto &shape : shapes)
      addParameters(*shape);
    for (func::FuncOp program : programs)
      writeCalls(program);
    for (auto &shape : shapes)
      inlineKernels(shape->function);
    for (func::FuncOp other : others)
      other.erase();
    return success();
  }

private:
  func::FuncOp calleeOf(func::CallOp call) { return symbols.lookup<func::FuncOp>(call.getCallee()); }

  /// Layers are part of their program.
  void flatten(func::FuncOp program) {
    for (bool more = true; more;) {
      more = false;
      for (auto call : llvm::make_early_inc_range(program.front().getOps<func::CallOp>()))
        if (func::FuncOp callee = calleeOf(call); !callee->hasAttr("qk.kernel")) {
          inlineCall(call, callee);
          more = true;
        }
    }
  }

  LogicalResult outline(func::FuncOp program) {
    flatten(program);
    for (Operation &op : program.front().without_terminator()) {
      if (isa<qk::BarrierOp>(op) || isMemoryEffectFree(&op) || (isa<MemoryEffectOpInterface>(op) && !hasEffect<MemoryEffects::Write>(&op) && op.getNumResults()))
        continue;
      if (failed(makeStep(program, op)))
        return failure();
    }
    return success();
  }

  LogicalResult makeStep(func::FuncOp program, Operation &op) {
    llvm::SetVector<Operation *> slice;
    if (failed(collect(op, program.front(), slice)))
      return failure();
    SmallVector<Operation *> ordered = slice.takeVector();
    llvm::sort(ordered, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
    OpBuilder b = OpBuilder::atBlockEnd(module.getBody());
    auto call = dyn_cast<func::CallOp>(op);
    std::string name = "step_" + (call ? call.getCallee().str() : "loops");
    auto function = func::FuncOp::create(b, op.getLoc(), name, b.getFunctionType({}, {}));
    b.setInsertionPointToStart(function.addEntryBlock());
    IRMapping mapping;
    for (Operation *one : ordered)
      b.clone(*one, mapping);
    b.clone(op, mapping)->removeAttr("qk.work");
    func::ReturnOp::create(b, op.getLoc());

    SmallVector<arith::ConstantOp> constants;
    std::string key = keyOf(function, constants);
    Shape *&known = byKey[key];
    if (!known)
      known = shapes.emplace_back(std::make_unique<Shape>()).get();
    Shape &shape = *known;
    SmallVector<int64_t> values;
    for (arith::ConstantOp constant : constants)
      values.push_back(cast<IntegerAttr>(constant.getValue()).getInt());
    shape.values.push_back(values);
    launches[program].push_back({&shape, unsigned(shape.values.size() - 1), op.getLoc()});
    if (shape.function) {
      function.erase();
      return success();
    }
    std::string valid = name;                          // of a symbol for assemblers too
    for (char &c : valid)
      c = llvm::isAlnum(c) ? c : '_';
    function.setSymName(valid);
    function->setAttr("qk.step", b.getUnitAttr());
    function->remove();
    symbols.insert(function);
    shape.function = function;
    shape.constants = constants;
    return success();
  }

  /// What `op` and the operations in it use from outside.
  LogicalResult collect(Operation &op, Block &top, llvm::SetVector<Operation *> &slice) {
    LogicalResult status = success();
    op.walk([&](Operation *inner) {
      for (Value operand : inner->getOperands()) {
        Operation *source = operand.getDefiningOp();
        if (!source || source->getBlock() != &top || source == &op || !slice.insert(source))
          continue;
        if (!isMemoryEffectFree(source))
          status = source->emitOpError("reads a number that the steps of a device program cannot pass on [unsupported-program]");
        else if (failed(collect(*source, top, slice)))
          status = failure();
      }
    });
    return status;
  }

  static void addParameters(Shape &shape) {
    for (unsigned i = 0; i < shape.constants.size(); ++i) {
      bool differs = llvm::any_of(shape.values, [&](ArrayRef<int64_t> values) { return values[i] != shape.values.front()[i]; });
      if (!differs)
        continue;
      shape.parameters.push_back(i);
      arith::ConstantOp constant = shape.constants[i];
      Location loc = constant.getLoc();
      (void)shape.function.insertArgument(shape.function.getNumArguments(), constant.getType(), {}, loc);
      constant.replaceAllUsesWith(shape.function.getArguments().back());
      constant.erase();
    }
  }

  void writeCalls(func::FuncOp program) {
    Block &block = program.front();
    while (!block.empty())
      block.back().erase();
    OpBuilder b = OpBuilder::atBlockEnd(&block);
    for (const Launch &launch : launches[program]) {
      Shape &shape = *launch.shape;
      SmallVector<Value> operands;
      for (unsigned i : shape.parameters)
        operands.push_back(arith::ConstantIndexOp::create(b, launch.loc, shape.values[launch.step][i]));
      func::CallOp::create(b, launch.loc, shape.function, operands);
    }
    func::ReturnOp::create(b, program.getLoc());
  }

  void inlineKernels(func::FuncOp step) {
    for (bool more = true; more;) {
      SmallVector<func::CallOp> calls;
      step.walk([&](func::CallOp call) { calls.push_back(call); });
      for (func::CallOp call : calls) {
        func::FuncOp callee = calleeOf(call);
        for (StringRef name : {"qk.team", "qk.cluster", "qk.shares", "qk.lane_registers"})
          if (Attribute number = callee->getAttr(name))
            step->setAttr(name, number);
        inlineCall(call, callee);
      }
      more = !calls.empty();
    }
  }

  ModuleOp module;
  SymbolTable symbols;
  std::vector<std::unique_ptr<Shape>> shapes;          // in order of their first step
  llvm::StringMap<Shape *> byKey;
  llvm::MapVector<Operation *, SmallVector<Launch>> launches;
};

struct OutlineStepsPass : qcc::impl::OutlineStepsBase<OutlineStepsPass> {
  void runOnOperation() override {
    if (failed(Outliner(getOperation()).run()))
      signalPassFailure();
  }
};
} // namespace
