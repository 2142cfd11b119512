// Lowers what no recovery has claimed, operator by operator, and ends the onnx dialect: after this pass there is no onnx op or attribute.
// Only nodes whose elements are needed are converted: shape arithmetic is known to the analysis and simply has no users left.
#include "lib/Frontend/Ops/GenericOps.h"
#include "qcc/Frontend/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/SetVector.h"
#include <cmath>
namespace qcc {
#define GEN_PASS_DEF_CONVERTONNX
#include "qcc/Frontend/Passes.h.inc"
} // namespace qcc
using namespace mlir;
using namespace qcc;
using namespace qcc::frontend;

namespace {
struct ConvertOnnx : qcc::impl::ConvertOnnxBase<ConvertOnnx> {
  void runOnOperation() override {
    bool ok = true;
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (!func.isExternal())
        ok &= convert(func);
    if (!ok)
      signalPassFailure();
  }

  bool convert(func::FuncOp func) {
    Recovery r(func);
    GenericOps g(r);
    llvm::SetVector<Operation *> needed = neededNodes(r);
    bool ok = true;
    if (func->hasAttr(onnx::OnnxDialect::getGraphAttrName())) {  // a program that starts as qnt has its names
      nameResultDimensions(r);
      ok = succeeded(nameRows(r));
    }
    markUnsigned(func);
    SmallVector<Operation *> staying; // qnt ops, the return; not what the conversion makes
    for (Operation &op : func.getBody().front())
      if (!isa<onnx::NodeOp>(op))
        staying.push_back(&op);
    g.castArguments();
    for (onnx::NodeOp node : r.nodes())
      if (needed.contains(node))
        ok &= succeeded(convertNode(g, node));
    if (!ok)
      return false;
    for (Operation *op : staying) { // take what their operands became
      r.builder.setInsertionPoint(op);
      for (OpOperand &operand : op->getOpOperands()) {
        Operation *from = operand.get().getDefiningOp();
        if (g.has(operand.get()))
          operand.set(g.get({}, operand.get()));
        else if (from && isa<onnx::ConstantOp, onnx::InitializerOp>(from))
          operand.set(g.get({}, operand.get()));
        if (!operand.get())
          return false;
      }
    }
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(func.getBody().front())))
      if (isa<onnx::NodeOp, onnx::ConstantOp, onnx::InitializerOp, onnx::NoneOp>(op) && op.use_empty())
        op.erase();
    g.retypeArguments();
    r.finish();
    renameAttributes(func);
    return true;
  }

  /// The nodes whose elements somebody reads, behind qnt ops and the return. Operands that only tell shapes are not read.
  llvm::SetVector<Operation *> neededNodes(Recovery &r) {
    llvm::SetVector<Operation *> needed;
    SmallVector<Operation *> work;
    auto visit = [&](Value value) {
      if (auto node = value.getDefiningOp<onnx::NodeOp>(); node && needed.insert(node))
        work.push_back(node);
    };
    for (Operation &op : r.func.getBody().front())
      if (!isa<onnx::NodeOp>(op))
        for (Value operand : op.getOperands())
          visit(operand);
    while (!work.empty()) {
      auto node = cast<onnx::NodeOp>(work.pop_back_val());
      if (isKnown(r, node) || node.is("Shape") || node.is("Size"))
        continue;
      const GenericRow *row = rowFor(genericFamilies(), node);
      for (auto [i, input] : llvm::enumerate(node.getInputs()))
        if (!row || !(row->shapeOperands >> i & 1))
          visit(input);
    }
    return needed;
  }

  /// `qnt.unsigned` on arguments and results of such elements: the converted program has signless integers, its ports have not.
  void markUnsigned(func::FuncOp func) {
    Builder b(&getContext());
    FunctionType type = func.getFunctionType();
    for (unsigned i = 0; i < func.getNumArguments(); ++i)
      if (getElementTypeOrSelf(type.getInput(i)).isUnsignedInteger())
        func.setArgAttr(i, "qnt.unsigned", b.getUnitAttr());
    for (unsigned i = 0; i < func.getNumResults(); ++i)
      if (getElementTypeOrSelf(type.getResult(i)).isUnsignedInteger())
        func.setResultAttr(i, "qnt.unsigned", b.getUnitAttr());
  }

  /// The dimensions of results by the names of the inputs' dimensions: exporters make up names for what they did not follow.
  void nameResultDimensions(Recovery &r) {
    Builder b(&getContext());
    for (OpOperand &operand : r.func.getBody().front().getTerminator()->getOpOperands()) {
      const Elements::Shape *shape = isa<ShapedType>(operand.get().getType()) ? r.elements.shape(operand.get()) : nullptr;
      unsigned i = operand.getOperandNumber();
      auto names = r.func.getResultAttrOfType<ArrayAttr>(i, onnx::OnnxDialect::getDimsAttrName());
      if (!shape || (names && names.size() != shape->size()))
        continue;
      SmallVector<Attribute> named;
      for (auto [k, dim] : llvm::enumerate(*shape)) {
        std::string text = ExprPool::integer(dim) ? "" : ExprPool::print(dim);
        bool fresh = StringRef(text).contains('?');
        named.push_back(b.getStringAttr(!fresh ? text : names ? cast<StringAttr>(names[k]).getValue() : StringRef()));
      }
      r.func.setResultAttr(i, onnx::OnnxDialect::getDimsAttrName(), b.getArrayAttr(named));
    }
  }

  /// `qnt.rows`: the batch and the new tokens of every attention by the names of the inputs' dimensions. A program has one of each.
  LogicalResult nameRows(Recovery &r) {
    std::optional<Elements::Shape> first;
    Location firstLoc = r.func.getLoc();
    for (Operation &op : r.func.getBody().front()) {
      auto attention = dyn_cast<qnt::AttentionOp>(op);
      const Elements::Shape *shape = attention ? r.elements.shape(attention.getQuery()) : nullptr;
      if (!shape)
        continue;
      auto print = [](const Elements::Shape &s) { return "[" + ExprPool::print(s[0]) + ", " + ExprPool::print(s[1]) + "]"; };
      if (first) {
        if ((*first)[0] == (*shape)[0] && (*first)[1] == (*shape)[1])
          continue;
        InFlightDiagnostic error = emitError(op.getLoc()) << "attention has rows and tokens " << print(*shape) << ", and another one " << print(*first)
                                                          << ": all of a program must have the same [attention-rows]";
        error.attachNote(firstLoc) << "the other one is here";
        return error;
      }
      first = *shape, firstLoc = op.getLoc();
      SmallVector<StringRef> names;
      std::string texts[2];
      for (int i : {0, 1}) {
        texts[i] = ExprPool::print((*shape)[i]);
        if (!ExprPool::integer((*shape)[i]) && (*shape)[i]->kind != Kind::Dim)
          return emitError(op.getLoc()) << "attention has rows and tokens " << print(*shape) << ", which are not extents of inputs [attention-rows]";
        if (!StringRef(texts[i]).starts_with("?"))
          names.push_back(texts[i]);
      }
      if (names.size() == 2)
        r.func->setAttr("qnt.rows", Builder(&getContext()).getStrArrayAttr(names));
    }
    return success();
  }

  /// A small tensor of integers all of whose elements are constants. Larger ones than a double counts are computed.
  bool isKnown(Recovery &r, onnx::NodeOp node) {
    auto type = dyn_cast<ShapedType>(node->getResult(0).getType());
    if (node->getNumResults() != 1 || !type || !type.getElementType().isSignlessInteger(64))
      return false;
    auto known = r.elements.integers(node.output(0));
    return known && llvm::all_of(*known, [](int64_t value) { return std::abs(double(value)) < double(int64_t(1) << 53); });
  }

  LogicalResult convertNode(GenericOps &g, onnx::NodeOp node) {
    g.b.setInsertionPoint(node);
    if (isKnown(g.r, node)) {
      RankedTensorType type = g.type(node.output(0));
      SmallVector<int64_t> values = *g.r.elements.integers(node.output(0));
      g.set(node.output(0), arith::ConstantOp::create(g.b, node.getLoc(), DenseElementsAttr::get(type, ArrayRef<int64_t>(values))));
      return success();
    }
    const GenericRow *row = rowFor(genericFamilies(), node);
    if (!row)
      return refuse(node, "operator " + (node.getDomain().empty() ? "" : node.getDomain() + ".") + node.getOpType() + " v" + Twine(node.getSince()) + " is not supported", "unsupported-operator");
    FailureOr<SmallVector<Value>> results = row->handler(g, node);
    if (failed(results))
      return failure();
    for (auto [output, result] : llvm::zip(node.getOutputs(), *results))
      if (result)
        g.set(output, result);
    ++numGeneric;
    return success();
  }

  /// `onnx.name` and `onnx.dims` of arguments and results become `qnt.name` and `qnt.dims`; a dimension of known size is its number.
  void renameAttributes(func::FuncOp func) {
    Builder b(&getContext());
    auto renamed = [&](DictionaryAttr from, Type type) {
      NamedAttrList list(from ? from : b.getDictionaryAttr({}));
      if (Attribute name = list.erase(onnx::OnnxDialect::getNameAttrName()))
        list.set("qnt.name", name);
      if (auto dims = dyn_cast_or_null<ArrayAttr>(list.erase(onnx::OnnxDialect::getDimsAttrName()))) {
        SmallVector<Attribute> named;
        auto shaped = dyn_cast<RankedTensorType>(type);
        for (auto [i, dim] : llvm::enumerate(dims)) {
          bool known = shaped && int64_t(i) < shaped.getRank() && !shaped.isDynamicDim(i);
          named.push_back(known ? b.getStringAttr(Twine(shaped.getDimSize(i))) : cast<StringAttr>(dim));
        }
        list.set("qnt.dims", b.getArrayAttr(named));
      }
      return list.getDictionary(&getContext());
    };
    for (unsigned i = 0; i < func.getNumArguments(); ++i)
      func.setArgAttrs(i, renamed(func.getArgAttrDict(i), func.getArgumentTypes()[i]));
    for (unsigned i = 0; i < func.getNumResults(); ++i)
      func.setResultAttrs(i, renamed(func.getResultAttrDict(i), func.getResultTypes()[i]));
    func->removeAttr(onnx::OnnxDialect::getGraphAttrName());
  }
};
} // namespace
