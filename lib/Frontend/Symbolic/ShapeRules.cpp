// Shape rules: the dimensions of a node's output from the dimensions and the elements of its inputs.
#include "lib/Frontend/Symbolic/ShapeRules.h"
#include "llvm/ADT/StringSwitch.h"
using namespace mlir;
using namespace qcc;
using namespace qcc::frontend;
using Shape = Elements::Shape;

static bool sameAsInput(Elements &e, onnx::NodeOp node, unsigned, Shape &out) {
  const Shape *in = node.input(0) ? e.shape(node.input(0)) : nullptr;
  if (in)
    out = *in;
  return in;
}
static bool broadcast(Elements &e, onnx::NodeOp node, unsigned, Shape &out) {
  for (unsigned i = 0; i < node.getInputs().size(); ++i) {
    const Shape *in = node.input(i) ? e.shape(node.input(i)) : nullptr;
    if (!in)
      return false;
    Shape next(std::max(in->size(), out.size()), e.pool.number(1));
    for (size_t d = 0; d < out.size(); ++d)
      next[next.size() - out.size() + d] = out[d];
    for (size_t d = 0; d < in->size(); ++d) {
      E &dim = next[next.size() - in->size() + d];
      dim = e.broadcastDim(dim, (*in)[d]);
    }
    out = next;
  }
  return true;
}
/// Of two matrices, or batches of them.
static Shape productShape(Elements &e, const Shape &a, const Shape &b) {
  Shape out;
  size_t batch = std::max(a.size(), b.size()) - 2;
  for (size_t i = 0; i < batch; ++i) {
    auto at = [&](const Shape &s) { return i + s.size() < batch + 2 ? e.pool.number(1) : s[i + s.size() - batch - 2]; };
    out.push_back(e.broadcastDim(at(a), at(b)));
  }
  out.push_back(a[a.size() - 2]);
  out.push_back(b.back());
  return out;
}
static bool matMul(Elements &e, onnx::NodeOp node, unsigned, Shape &out) {
  const Shape *a = e.shape(node.input(0)), *b = e.shape(node.input(1));
  if (!a || !b || a->empty() || b->empty())
    return false;
  // A vector is a row on the left, a column on the right, whose extent of 1 the result does not have.
  bool isRow = a->size() == 1, isColumn = b->size() == 1;
  Shape left = *a, right = *b;
  if (isRow)
    left.insert(left.begin(), e.pool.number(1));
  if (isColumn)
    right.push_back(e.pool.number(1));
  out = productShape(e, left, right);
  if (isColumn)
    out.pop_back();
  if (isRow)
    out.erase(isColumn ? out.end() - 1 : out.end() - 2);
  return true;
}
static bool gemm(Elements &e, onnx::NodeOp node, unsigned, Shape &out) {
  const Shape *a = e.shape(node.input(0)), *b = e.shape(node.input(1));
  if (!a || !b || a->size() != 2 || b->size() != 2)
    return false;
  out = {(*a)[node.intAttribute("transA", 0) ? 1 : 0], (*b)[node.intAttribute("transB", 0) ? 0 : 1]};
  return true;
}
static bool matMulNBits(Elements &e, onnx::NodeOp node, unsigned, Shape &out) {
  if (!sameAsInput(e, node, 0, out) || out.empty())
    return false;
  out.back() = e.pool.number(double(node.intAttribute("N", 0)));
  return true;
}
static bool transpose(Elements &e, onnx::NodeOp node, unsigned, Shape &out) {
  const Shape *in = e.shape(node.input(0));
  if (!in)
    return false;
  auto perm = node.intsAttribute("perm");
  if (perm && perm->size() != in->size())
    return false;
  for (size_t i = 0; i < in->size(); ++i) {
    int64_t from = perm ? (*perm)[i] : int64_t(in->size() - 1 - i);
    if (from < 0 || from >= int64_t(in->size()))
      return false;
    out.push_back((*in)[from]);
  }
  return true;
}
static bool reshape(Elements &e, onnx::NodeOp node, unsigned, Shape &out) {
  const Shape *in = e.shape(node.input(0));
  auto target = e.vector(node.input(1));
  if (!in || !target)
    return false;
  int64_t open = -1;
  E elements = e.pool.number(1), others = e.pool.number(1);
  for (E dim : *in)
    elements = e.pool.mul(elements, dim);
  for (auto [i, dim] : llvm::enumerate(*target)) {
    if (!dim)
      return false;
    std::optional<int64_t> c = ExprPool::integer(dim);
    if (c && *c == 0 && !node.intAttribute("allowzero", 0)) {
      if (i >= in->size())
        return false;
      dim = (*in)[i];
    }
    out.push_back(dim);
    if (c && *c == -1)
      open = int64_t(i);
    else
      others = e.pool.mul(others, dim);
  }
  if (open >= 0) {
    auto [quotient, rest] = e.pool.divMod(elements, others);
    if (!quotient || ExprPool::integer(rest) != 0)
      quotient = nullptr; // a fresh dimension
    out[open] = quotient ? quotient : e.fresh(node.output(0), open);
  }
  return true;
}
static bool flatten(Elements &e, onnx::NodeOp node, unsigned, Shape &out) {
  const Shape *in = e.shape(node.input(0));
  if (!in)
    return false;
  int64_t axis = node.intAttribute("axis", 1);
  axis = axis < 0 ? axis + int64_t(in->size()) : axis;
  out = {e.pool.number(1), e.pool.number(1)};
  for (auto [i, dim] : llvm::enumerate(*in))
    out[int64_t(i) >= axis] = e.pool.mul(out[int64_t(i) >= axis], dim);
  return true;
}
static bool unsqueeze(Elements &e, onnx::NodeOp node, unsigned, Shape &out) {
  const Shape *in = e.shape(node.input(0));
  if (!in)
    return false;
  auto count = node.input(1) ? e.integers(node.input(1)) : std::nullopt;
  size_t added = count ? count->size() : node.intsAttribute("axes") ? node.intsAttribute("axes")->size() : 0;
  auto axes = e.axes(node, 1, in->size() + added, false);
  if (!axes || !added)
    return false;
  auto next = in->begin();
  for (size_t i = 0; i < in->size() + added; ++i)
    out.push_back(llvm::is_contained(*axes, int64_t(i)) || next == in->end() ? e.pool.number(1) : *next++);
  return true;
}
static bool squeeze(Elements &e, onnx::NodeOp node, unsigned, Shape &out) {
  const Shape *in = e.shape(node.input(0));
  if (!in)
    return false;
  auto axes = e.axes(node, 1, in->size(), false);
  if (!axes)
    return false;
  bool given = node.input(1) || node.intsAttribute("axes");
  for (auto [i, dim] : llvm::enumerate(*in))
    if (given ? !llvm::is_contained(*axes, int64_t(i)) : ExprPool::integer(dim) != 1)
      out.push_back(dim);
  return true;
}
static bool expand(Elements &e, onnx::NodeOp node, unsigned, Shape &out) {
  const Shape *in = e.shape(node.input(0));
  auto target = e.vector(node.input(1));
  if (!in || !target || llvm::is_contained(*target, nullptr))
    return false;
  out.assign(std::max(in->size(), target->size()), e.pool.number(1));
  for (size_t i = 0; i < target->size(); ++i)
    out[out.size() - target->size() + i] = (*target)[i];
  for (size_t i = 0; i < in->size(); ++i) {
    E &dim = out[out.size() - in->size() + i];
    dim = e.broadcastDim(dim, (*in)[i]);   // of two runtime extents the one that is asked for
  }
  return true;
}
static bool concat(Elements &e, onnx::NodeOp node, unsigned, Shape &out) {
  if (!sameAsInput(e, node, 0, out))
    return false;
  int64_t axis = normalizeAxis(node.intAttribute("axis", 0), out.size());
  if (axis < 0)
    return false;
  for (unsigned i = 1; i < node.getInputs().size(); ++i) {
    const Shape *next = e.shape(node.input(i));
    if (!next || next->size() != out.size())
      return false;
    for (auto [d, dim] : llvm::enumerate(*next))
      if (int64_t(d) == axis)
        out[axis] = e.pool.add(out[axis], dim);
      else if (ExprPool::constant(dim))
        out[d] = dim;
  }
  return true;
}
static bool slice(Elements &e, onnx::NodeOp node, unsigned, Shape &out) {
  if (!sameAsInput(e, node, 0, out))
    return false;
  auto slices = e.slices(node);
  if (!slices)
    return false;
  for (const Elements::SliceAxis &s : *slices)
    out[s.axis] = s.extent;
  return true;
}
static bool pad(Elements &e, onnx::NodeOp node, unsigned, Shape &out) {
  auto pads = e.pads(node);
  if (!pads || !sameAsInput(e, node, 0, out))
    return false;
  for (auto [dim, pad] : llvm::zip(out, *pads))
    dim = e.pool.add(e.pool.add(dim, pad.first), pad.second);
  return true;
}
static bool split(Elements &e, onnx::NodeOp node, unsigned output, Shape &out) {
  if (!sameAsInput(e, node, 0, out))
    return false;
  int64_t axis = normalizeAxis(node.intAttribute("axis", 0), out.size());
  auto parts = axis < 0 ? std::nullopt : e.splits(node, axis);
  if (!parts || output >= parts->size())
    return false;
  out[axis] = (*parts)[output];
  return true;
}
static bool gather(Elements &e, onnx::NodeOp node, unsigned, Shape &out) {
  const Shape *data = e.shape(node.input(0)), *ids = e.shape(node.input(1));
  int64_t axis = data ? normalizeAxis(node.intAttribute("axis", 0), data->size()) : -1;
  if (axis < 0 || !ids)
    return false;
  out.append(data->begin(), data->begin() + axis);
  out.append(ids->begin(), ids->end());
  out.append(data->begin() + axis + 1, data->end());
  return true;
}
static bool reduce(Elements &e, onnx::NodeOp node, unsigned, Shape &out) {
  const Shape *in = e.shape(node.input(0));
  if (!in)
    return false;
  auto axes = e.axes(node, 1, in->size(), true);
  if (!axes)
    return false;
  for (auto [i, dim] : llvm::enumerate(*in))
    if (!llvm::is_contained(*axes, int64_t(i)))
      out.push_back(dim);
    else if (node.intAttribute("keepdims", 1))
      out.push_back(e.pool.number(1));
  return true;
}
static bool scalar(Elements &, onnx::NodeOp, unsigned, Shape &) { return true; }
static bool rank(Elements &e, onnx::NodeOp node, unsigned, Shape &out) {
  const Shape *in = e.shape(node.input(0));
  if (!in)
    return false;
  int64_t n = in->size(), start = node.intAttribute("start", 0), end = node.intAttribute("end", n);
  start = std::clamp<int64_t>(start < 0 ? start + n : start, 0, n), end = std::clamp<int64_t>(end < 0 ? end + n : end, 0, n);
  out.push_back(e.pool.number(double(std::max<int64_t>(0, end - start))));
  return true;
}
static bool range(Elements &e, onnx::NodeOp node, unsigned, Shape &out) {
  auto start = e.vector(node.input(0)), limit = e.vector(node.input(1)), delta = e.vector(node.input(2));
  if (!start || !limit || !delta || !(*start)[0] || !(*limit)[0] || ExprPool::constant((*delta)[0]) != 1.0 || Elements::isFloat(node.output(0)))
    return false;
  out.push_back(e.pool.sub((*limit)[0], (*start)[0]));
  return true;
}
static bool constantOfShape(Elements &e, onnx::NodeOp node, unsigned, Shape &out) {
  auto target = e.vector(node.input(0));
  if (!target)
    return false;
  out.assign(target->begin(), target->end());
  return !llvm::is_contained(out, nullptr);
}
/// com.microsoft and ONNX attention: result 0 as the query, or as the query part of a packed one.
static bool groupQueryAttention(Elements &e, onnx::NodeOp node, unsigned output, Shape &out) {
  if (output != 0 || !sameAsInput(e, node, 0, out) || out.size() != 3)
    return false;
  int64_t heads = node.intAttribute("num_heads", 1), kv = node.intAttribute("kv_num_heads", 1);
  if (!node.input(1)) {
    auto [q, rest] = e.pool.divMod(e.pool.mul(out[2], e.pool.number(double(heads))), e.pool.number(double(heads + 2 * kv)));
    out[2] = q;
  }
  return true;
}

static bool fusedMatMul(Elements &e, onnx::NodeOp node, unsigned, Shape &out) {
  const Shape *a = e.shape(node.input(0)), *b = e.shape(node.input(1));
  if (!a || !b || a->size() < 2 || b->size() < 2)
    return false;
  Shape left = *a, right = *b;
  if (node.intAttribute("transA", 0))
    std::swap(left[left.size() - 1], left[left.size() - 2]);
  if (node.intAttribute("transB", 0))
    std::swap(right[right.size() - 1], right[right.size() - 2]);
  out = productShape(e, left, right);
  return true;
}
static bool embedLayerNorm(Elements &e, onnx::NodeOp node, unsigned output, Shape &out) {
  const Shape *word = e.shape(node.input(2));
  if (!sameAsInput(e, node, 0, out) || out.size() != 2 || !word || word->size() != 2)
    return false;
  if (output == 1)
    out.pop_back();
  else
    out.push_back(word->back());
  return true;
}
/// [batch, tokens, channels], or packed [batch, tokens, heads, 3, size].
static bool multiHeadAttention(Elements &e, onnx::NodeOp node, unsigned output, Shape &out) {
  const Shape *value = e.shape(node.input(2));
  if (output != 0 || !sameAsInput(e, node, 0, out))
    return false;
  if (out.size() == 5)
    out = {out[0], out[1], e.pool.mul(out[2], out[4])};
  else if (out.size() == 3 && value && value->size() == 3)
    out[2] = value->back();
  return out.size() == 3;
}
/// com.microsoft: the weights are [channels, query + key + value]. ONNX's operator of that name has what the file says.
static bool packedAttention(Elements &e, onnx::NodeOp node, unsigned output, Shape &out) {
  const Shape *weights = e.shape(node.input(1));
  if (output != 0 || !sameAsInput(e, node, 0, out) || out.size() != 3 || !weights || weights->size() != 2)
    return false;
  auto sizes = node.intsAttribute("qkv_hidden_sizes");
  out[2] = sizes && sizes->size() == 3 ? e.pool.number(double((*sizes)[2])) : e.pool.divMod(weights->back(), e.pool.number(3)).first;
  return out[2];
}

/// ONNX 23, query, key and value of the same head size: the others are expanded or refused.
static bool attention(Elements &e, onnx::NodeOp node, unsigned output, Shape &out) { return output == 0 && sameAsInput(e, node, 0, out); }

static ShapeRule onnxRule(StringRef op) {
  return llvm::StringSwitch<ShapeRule>(op)
      .Cases({"Identity", "Cast", "CastLike", "Neg", "Sqrt", "Exp", "Log", "Erf", "Tanh", "Sigmoid", "Cos", "Sin"}, sameAsInput)
      .Cases({"Not", "IsNaN", "Abs", "Reciprocal", "Relu", "Gelu", "Softmax", "Trilu", "Clip", "Dropout"}, sameAsInput)
      .Cases({"LayerNormalization", "SimplifiedLayerNormalization", "RMSNormalization", "RotaryEmbedding", "CumSum", "Floor", "Ceil", "Round"}, sameAsInput)
      .Cases({"Add", "Sub", "Mul", "Div", "Pow", "Mod", "Min", "Max", "Sum"}, broadcast)
      .Cases({"Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "And", "Or", "Xor", "Where"}, broadcast)
      .Cases({"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd"}, reduce)
      .Case("MatMul", matMul).Case("Gemm", gemm)
      .Case("Transpose", transpose).Case("Reshape", reshape).Case("Flatten", flatten).Case("Unsqueeze", unsqueeze).Case("Squeeze", squeeze)
      .Case("Expand", expand).Case("Concat", concat).Case("Slice", slice).Case("Split", split).Case("Pad", pad)
      .Case("Gather", gather)
      .Case("Size", scalar).Case("Shape", rank).Case("Range", range).Case("ConstantOfShape", constantOfShape)
      .Case("Attention", attention)
      .Default(nullptr);
}
static ShapeRule microsoftRule(StringRef op) {
  return llvm::StringSwitch<ShapeRule>(op)
      .Cases({"Gelu", "FastGelu", "BiasGelu", "QuickGelu", "RotaryEmbedding"}, sameAsInput)
      .Cases({"SimplifiedLayerNormalization", "SkipSimplifiedLayerNormalization", "SkipLayerNormalization"}, sameAsInput)
      .Case("EmbedLayerNormalization", embedLayerNorm)
      .Case("MatMulNBits", matMulNBits).Case("FusedMatMul", fusedMatMul).Case("GatherBlockQuantized", gather)
      .Case("GroupQueryAttention", groupQueryAttention).Case("MultiHeadAttention", multiHeadAttention).Case("Attention", packedAttention)
      .Default(nullptr);
}
ShapeRule qcc::frontend::shapeRuleFor(StringRef domain, StringRef op) {
  return domain.empty() ? onnxRule(op) : domain == "com.microsoft" ? microsoftRule(op) : nullptr;
}

bool Elements::hasShapeRule(StringRef domain, StringRef op) { return shapeRuleFor(domain, op); }
