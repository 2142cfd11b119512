// Conversion of each qnt operation to launches.
#include "lib/Kernel/QuantLowering.h"
#include "lib/Kernel/SymbolicDims.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include <numeric>
using namespace mlir;
using namespace qcc;

static RankedTensorType tensorType(Value v) { return cast<RankedTensorType>(v.getType()); }
static int64_t width(Value v) { return tensorType(v).getShape().back(); }
/// Kernels are made for one width of rows: a tensor has one unless it is a scalar or only a run tells its last extent.
static bool hasWidth(Value v) { return tensorType(v).getRank() && !ShapedType::isDynamic(width(v)); }
static Type f32(Operation *op) { return Float32Type::get(op->getContext()); }

/// What the codes select from that are no integers.
static const qnt::CodeTable *floatTable(qnt::QuantizeOp op) {
  return qnt::floatTableOf(cast<qnt::BlockType>(tensorType(op.getResult()).getElementType()));
}

LogicalResult QuantLowering::gather(qnt::GatherOp op) {
  Value table = memory(op.getTable());
  auto type = tensorType(op.getTable());
  if (!table || type.getRank() != 2)
    return reference(op);
  auto layout = kernel::RowLayout::get(type.getElementType(), type.getDimSize(1), [&] { return op.emitOpError(); });
  if (failed(layout))
    return failure();
  OpBuilder b(op);
  SmallVector<Value> sizes;
  auto ids = tensorType(op.getIds());
  for (int64_t i = 0; i < ids.getRank(); ++i)
    if (ids.isDynamicDim(i)) {
      auto name = dimName(op.getIds(), i);
      sizes.push_back(name ? materializeDim(b, op.getLoc(), *name) : tensor::DimOp::create(b, op.getLoc(), op.getIds(), i).getResult());
    }
  Value init = tensor::EmptyOp::create(b, op.getLoc(), op.getType(), sizes);
  auto kernel = gatherKernel(library, *layout, type.getDimSize(0), ids.getElementType());
  op.replaceAllUsesWith(launch(op, kernel, {op.getIds(), table}, init)[0]);
  return success();
}

static NormSpec specOf(qnt::NormOp op, const Columns &columns) {
  return {columns, op.getKind(), op.getEpsilon().convertToFloat(), bool(op.getBias())};
}
static SmallVector<Value> operandsOf(qnt::NormOp op, Value input) {
  SmallVector<Value> operands = {input, op.getScale()};
  if (op.getBias())
    operands.push_back(op.getBias());
  return operands;
}

static int64_t parameterBytes(qnt::NormOp op) {
  int64_t bytes = 0;
  for (Value v : {op.getScale(), op.getBias()})
    if (v)
      bytes += tensorType(v).getNumElements() * tensorType(v).getElementTypeBitWidth() / 8;
  return bytes;
}

qnt::QuantizeOp QuantLowering::fusedQuantize(Operation *op) {
  auto quantize = op->hasOneUse() ? dyn_cast<qnt::QuantizeOp>(*op->user_begin()) : qnt::QuantizeOp();
  return quantize && !floatTable(quantize) ? quantize : qnt::QuantizeOp();
}

LogicalResult QuantLowering::norm(qnt::NormOp op) {
  if (fusedQuantize(op))
    return success();                                               // fused there
  if (!hasWidth(op.getInput()))
    return reference(op);
  Value input = op.getInput();
  Columns from = columns(input);
  Value init = empty(op, op.getInput(), width(op.getResult()), f32(op));
  Value result = launch(op, normKernel(library, specOf(op, from)), operandsOf(op, input), init)[0];
  setWork(result, parameterBytes(op), 0, input);
  op.replaceAllUsesWith(result);
  return success();
}

/// Rows are padded for the widest superblock among the weights that they meet, have sums as short as one of these needs, and lie together if all want it.
FailureOr<QuantizedRow> QuantLowering::rowFor(qnt::QuantizeOp op) {
  if (!hasWidth(op.getInput()))
    return op.emitOpError("quantizes rows whose width only a run tells: ") << op.getInput().getType();
  int64_t k = width(op.getInput());
  auto block = cast<qnt::BlockType>(tensorType(op.getResult()).getElementType());
  if (block.getGroup() >= 0 && block.getGroup() % 32)
    return op.emitOpError("quantizes activations in groups of ") << block.getGroup() << "; kernels take multiples of 32, or rows";
  QuantizedRow row{k, int64_t(llvm::alignTo(k, 32)), block.getGroup(), block.getGroup(), bool(op.getScale())};
  bool seen = false;
  for (Operation *user : op->getUsers())
    if (auto matmul = dyn_cast<qnt::MatmulOp>(user)) {
      auto panels = panelsOf(matmul);
      if (failed(panels))
        return failure();
      row.paddedK = std::max(row.paddedK, (panels->paddedK(k) + 31) / 32 * 32);
      int64_t sums = productOf(matmul, *panels, row).sumK();
      unsigned together = memory(matmul.getWeight()) ? kernel::rowsTogether(productOf(matmul, *panels, row), library.facts.version) : 0;
      row.together = !seen || row.together == together ? together : 0;
      seen = true;
      row.sumGroup = sums < 0 ? row.sumGroup : row.sumGroup < 0 ? sums : std::gcd(row.sumGroup, sums);
    }
  return row;
}

/// `operands` of a kernel that quantizes, and the static scale.
static SmallVector<Value> withScale(qnt::QuantizeOp op, SmallVector<Value> operands) {
  if (op.getScale())
    operands.push_back(op.getScale());
  return operands;
}

LogicalResult QuantLowering::roundToFloats(qnt::QuantizeOp op) {
  if (!hasWidth(op.getInput()))
    return op.emitOpError("quantizes rows whose width only a run tells: ") << op.getInput().getType();
  auto block = cast<qnt::BlockType>(tensorType(op.getResult()).getElementType());
  if (block.getGroup() >= 0 && block.getGroup() % 32)
    return op.emitOpError("quantizes activations in groups of ") << block.getGroup() << "; kernels take multiples of 32, or rows";
  Value input = op.getInput();
  Value init = empty(op, input, width(input), f32(op));
  Columns from = columns(input);
  values[op.getResult()] = launch(op, roundToFloatsKernel(library, from, block), input, init)[0];
  return success();
}

LogicalResult QuantLowering::quantize(qnt::QuantizeOp op) {
  if (floatTable(op))
    return roundToFloats(op);
  auto row = rowFor(op);
  if (failed(row))
    return failure();
  Operation *producer = op.getInput().getDefiningOp();
  bool fuse = producer && producer->hasOneUse();
  if (fuse && isa<qnt::NormOp, qnt::GluOp>(producer) && readerMakes(op, producer, *row)) {
    unmade.try_emplace(op.getResult(), Unmade{producer, op, *row});
    return success();
  }
  SmallVector<Value> outs;
  Builder types(op.getContext());
  auto hadamard = dyn_cast_or_null<qnt::HadamardOp>(producer);
  fuse &= !hadamard || library.facts.version.shuffles;
  Value like = fuse && isa<qnt::NormOp, qnt::GluOp, qnt::HadamardOp>(producer) ? producer->getOperand(0) : Value(op.getInput());   // what stays
  if (qnt::GluOp gate = fuse && hadamard ? gateOf(hadamard) : qnt::GluOp())
    like = gate.getInput();
  if (auto found = unmerged.find(op.getInput()); found != unmerged.end())
    like = found->second.query;
  outs.push_back(empty(op, like, row->paddedK, types.getI8Type()));
  outs.push_back(empty(op, like, row->scales(), types.getF32Type()));
  outs.push_back(empty(op, like, row->sums(), types.getI32Type()));
  SmallVector<Value> parts;
  if (auto norm = dyn_cast_or_null<qnt::NormOp>(producer); norm && fuse) {
    Value input = norm.getInput();
    Columns from = columns(input);
    parts = launch(op, normQuantizeKernel(library, specOf(norm, from), *row), withScale(op, operandsOf(norm, input)), outs, norm);
    setWork(parts[0], parameterBytes(norm), 0, input);
  } else if (auto glu = dyn_cast_or_null<qnt::GluOp>(producer); glu && fuse) {
    Value input = glu.getInput();
    Columns from = columns(input);
    parts = launch(op, gluQuantizeKernel(library, glu.getActivation(), from, *row), withScale(op, {input}), outs, glu);
  } else if (hadamard && fuse) {
    qnt::GluOp gate = gateOf(hadamard);
    Value input = like;
    Columns from = columns(input);
    HadamardSpec spec{from, width(op.getInput()), int64_t(hadamard.getBlock()), gate ? std::optional(gate.getActivation()) : std::nullopt};
    parts = launch(op, hadamardKernel(library, spec, &*row), withScale(op, {input}), outs, gate ? gate.getOperation() : hadamard.getOperation());
  } else if (auto found = unmerged.find(op.getInput()); found != unmerged.end()) {
    auto &[spec, query, partials] = found->second;
    parts = launch(op, attentionMergeQuantizeKernel(library, spec, *row), withScale(op, {partials}), outs, producer);
  } else {
    Value input = op.getInput();
    Columns from = columns(input);
    parts = launch(op, quantizeKernel(library, from, *row), withScale(op, {input}), outs);
  }
  quantized[op.getResult()] = {parts, *row};
  return success();
}

/// Whether the one product that reads `op` makes the row itself, from what `producer` reads.
bool QuantLowering::readerMakes(qnt::QuantizeOp op, Operation *producer, const QuantizedRow &row) {
  auto matmul = op->hasOneUse() && isDecode(op) ? dyn_cast<qnt::MatmulOp>(*op->user_begin()) : qnt::MatmulOp();
  if (!matmul || matmul.getInput() != op.getResult() || !memory(matmul.getWeight()))
    return false;
  auto panels = panelsOf(matmul);
  if (failed(panels))
    return false;                                    // said when it is converted
  LinearSpec spec = linearOf(matmul, productOf(matmul, *panels, row));
  if (isa<qnt::GluOp>(producer))
    return canGateFirst(library.facts, row, spec);
  auto norm = cast<qnt::NormOp>(producer);
  Value input = norm.getInput();
  return canNormalizeFirst(library.facts, specOf(norm, columns(input)), row, spec);
}

LogicalResult QuantLowering::splitOutliers(qnt::SplitOutliersOp op) {
  if (!hasWidth(op.getInput()))
    return op.emitOpError("splits rows whose width only a run tells: ") << op.getInput().getType();
  Builder types(op.getContext());
  OpBuilder b(op);
  int64_t K = width(op.getInput());
  SmallVector<Value> outs = {empty(op, op.getInput(), K, f32(op)), empty(op, op.getInput(), K, f32(op))};
  outs.push_back(tensor::EmptyOp::create(b, op.getLoc(), ArrayRef<int64_t>{K}, types.getI32Type()));
  SmallVector<Value> parts = launch(op, splitOutliersKernel(library, K, op.getThreshold().convertToFloat()), op.getInput(), outs);
  op->replaceAllUsesWith(ArrayRef(parts).take_front(2));
  found[parts[1]] = parts[2];
  return success();
}

LogicalResult QuantLowering::dequantize(qnt::DequantizeOp op) {
  if (Value floats = values.lookup(op.getInput())) {
    op.replaceAllUsesWith(floats);
    return success();
  }
  auto found = quantized.find(op.getInput());
  if (found == quantized.end())
    return reference(op);
  Value init = empty(op, op.getResult(), width(op.getResult()), f32(op));
  auto &[parts, row] = found->second;
  op.replaceAllUsesWith(launch(op, dequantizeKernel(library, row), {parts[0], parts[1]}, init)[0]);
  return success();
}

FailureOr<kernel::PanelLayout> QuantLowering::panelsOf(qnt::MatmulOp matmul) {
  return kernel::PanelLayout::get(tensorType(matmul.getWeight()).getElementType(), library.facts.panelLanes, [&] { return matmul.emitOpError(); });
}

kernel::RowClass QuantLowering::rowClass(Operation *op) {
  auto rows = op->getParentOfType<func::FuncOp>()->getAttrOfType<StringAttr>("qk.rows");
  return !rows || rows == "long" ? kernel::RowClass::Long : rows == "short" ? kernel::RowClass::Short : kernel::RowClass::Decode;
}

/// The product of `matmul` with activations of `row`.
kernel::MatmulSpec QuantLowering::productOf(qnt::MatmulOp matmul, const kernel::PanelLayout &weight, const QuantizedRow &row) {
  kernel::MatmulSpec spec;
  spec.weight = weight;
  spec.activationGroup = row.group;
  spec.sumGroup = row.sumGroup;
  spec.together = row.together;
  spec.rows = rowClass(matmul);
  spec.rowRange = spec.rows == kernel::RowClass::Long && library.facts.version.shareRows;
  return spec;
}

LinearSpec QuantLowering::linearOf(qnt::MatmulOp matmul, const kernel::MatmulSpec &product) {
  auto type = tensorType(matmul.getWeight());
  LinearSpec spec;
  spec.n = spec.outputStride = spec.addendStride = type.getDimSize(0), spec.k = spec.stride = type.getDimSize(1);
  spec.matmul = product;
  spec.matmul.team = kernel::teamFor(product, spec.n, spec.k, library.facts.version);
  spec.matmul.cluster = kernel::clusterFor(product, spec.n, spec.k, spec.matmul.team, library.facts.version);
  return spec;
}

bool QuantLowering::usesTiles(qnt::MatmulOp matmul, const kernel::PanelLayout &weight) {
  return matmul.getBf16() && memory(matmul.getWeight()) && kernel::hasBf16Tiles(library.facts.version, weight, rowClass(matmul));
}

/// Rows are padded for the widest superblock among the weights that they meet; tiles have 16 rows. Made where the input is, so that every reader
/// comes later.
FailureOr<QuantLowering::Tiles> QuantLowering::tilesFor(qnt::MatmulOp matmul) {
  Value input = matmul.getInput();
  if (auto found = rounded.find(input); found != rounded.end())
    return found->second;
  int64_t k = width(input), stride = 0;
  for (Operation *user : input.getUsers())
    if (auto reader = dyn_cast<qnt::MatmulOp>(user); reader && reader.getInput() == input) {
      auto panels = panelsOf(reader);
      if (failed(panels))
        return failure();
      if (usesTiles(reader, *panels))
        stride = std::max(stride, (panels->paddedK(k) + 31) / 32 * 32);
    }
  Operation *producer = input.getDefiningOp();
  Operation *at = producer ? producer->getNextNode() : &cast<BlockArgument>(input).getOwner()->front();
  OpBuilder ops(at);
  KernelBuilder b(matmul.getLoc(), ops, library.facts);
  Value rows = b.idx(1);
  for (OpFoldResult size : leading(ops, input))
    rows = b.mul(rows, getValueOrCreateConstantIndexOp(b, matmul.getLoc(), size));
  Value whole = b.mul(b.ceilDiv(rows, 16), 16);
  Value init = tensor::EmptyOp::create(b, RankedTensorType::get({ShapedType::kDynamic, stride}, b.getBF16Type()), whole);
  Value source = input;
  Columns from = columns(source);
  Value tiles = launch(at, roundKernel(library, from, stride), source, init)[0];
  return rounded[input] = {tiles, stride};
}

LogicalResult QuantLowering::matmul(qnt::MatmulOp op, Value addend, Operation *at) {
  Value weights = memory(op.getWeight());
  auto type = tensorType(op.getWeight());
  if (!weights)
    return reference(op);
  auto panels = panelsOf(op);
  if (failed(panels))
    return failure();
  if (Value channels = found.lookup(op.getInput()); channels && !op.getBias() && !addend && multipliesOutliers(*panels)) {
    int64_t n = type.getDimSize(0), k = type.getDimSize(1);
    Value init = empty(at, op.getInput(), n, f32(op));
    at->replaceAllUsesWith(launch(at, outlierProductKernel(library, n, k, *panels), {op.getInput(), channels, weights}, init, op));
    return success();
  }
  SmallVector<Value> operands;
  auto found = quantized.find(op.getInput());
  auto row = unmade.find(op.getInput());
  int64_t k = type.getDimSize(1);
  LinearSpec spec = linearOf(op, productOf(op, *panels, found != quantized.end() ? found->second.row : row != unmade.end() ? row->second.row : QuantizedRow{k, k}));
  spec.matmul.bias = bool(op.getBias());
  spec.matmul.addend = bool(addend);
  spec.matmul.intActivations = found != quantized.end() || row != unmade.end();
  FlatSymbolRefAttr kernel;
  if (row != unmade.end()) {
    auto &[producer, quantize, row8] = row->second;
    spec.stride = row8.paddedK;
    if (auto norm = dyn_cast<qnt::NormOp>(producer)) {
      Value input = norm.getInput();
      Columns from = columns(input);
      operands = operandsOf(norm, input);
      kernel = normLinearKernel(library, specOf(norm, from), row8, spec);
    } else {
      auto glu = cast<qnt::GluOp>(producer);
      operands = {glu.getInput()};
      kernel = gluLinearKernel(library, glu.getActivation(), row8, spec);
    }
    operands = withScale(quantize, operands);
  } else if (found != quantized.end()) {
    operands = found->second.parts;
    spec.stride = found->second.row.paddedK;
  } else if (usesTiles(op, *panels)) {
    auto tiles = tilesFor(op);
    if (failed(tiles))
      return failure();
    operands.push_back(tiles->tiles);
    spec.stride = tiles->stride;
    spec.matmul.bf16 = true;
  } else {
    Value floats = values.lookup(op.getInput());
    operands.push_back(floats ? floats : Value(op.getInput()));
  }
  operands.push_back(weights);
  if (op.getBias())
    operands.push_back(op.getBias());
  if (!kernel)
    spec.outputStride = strideOf(at->getResult(0), spec.matmul.rows);
  if (addend) {
    Value wide = addend;
    Columns from = columns(wide);
    if (from.offset == 0 && !kernel)
      addend = wide, spec.addendStride = from.stride;
    operands.push_back(addend);
  }
  Value init = empty(at, spec.matmul.bf16 ? Value(op.getInput()) : operands[0], spec.outputStride, f32(op));
  Value result = launch(at, kernel ? kernel : linearKernel(library, spec), operands, init, op)[0];
  setWork(result, panels->bytes(spec.n, spec.k) + (op.getBias() ? 4 * spec.n : 0), spec.n * spec.k, op.getInput());
  at->getResult(0).replaceAllUsesWith(spec.outputStride == spec.n ? result : firstColumns(at, result, spec.n));
  return success();
}

int64_t QuantLowering::strideOf(Value result, kernel::RowClass rows) {
  constexpr int64_t line = 64 / sizeof(float);
  int64_t n = width(result), rank = tensorType(result).getRank();
  bool pads = library.facts.version.oddRows && rows == kernel::RowClass::Long && rank > 1 && n % (2 * line) == 0;
  for (int64_t i = 0; i + 1 < rank; ++i)
    pads &= dimName(result, i).has_value();                         // or `columns` does not see that a slice has all rows
  return pads && llvm::all_of(result.getUses(), [&](OpOperand &use) { return takesColumns(use); }) ? n + line : n;
}

qnt::MatmulOp QuantLowering::operandProduct(arith::AddFOp add, unsigned i) {
  auto matmul = add->getOperand(i).getDefiningOp<qnt::MatmulOp>();
  return matmul && matmul->hasOneUse() && matmul->getBlock() == add->getBlock() ? matmul : qnt::MatmulOp();
}

LogicalResult QuantLowering::add(arith::AddFOp op) {
  auto type = dyn_cast<RankedTensorType>(op.getType());
  if (!type || !type.getElementType().isF32() || !hasWidth(op.getLhs()))
    return success();
  for (unsigned i : {1u, 0u})
    if (qnt::MatmulOp product = operandProduct(op, i)) {
      // Of two products the second is added in the epilogue of the first.
      if (qnt::MatmulOp other = operandProduct(op, 1 - i); other && failed(matmul(other, Value(), other)))
        return failure();
      return matmul(product, op->getOperand(1 - i), op);
    }
  Value init = empty(op, op.getLhs(), type.getShape().back(), type.getElementType());
  op.getResult().replaceAllUsesWith(launch(op, addKernel(library, type.getShape().back()), {op.getLhs(), op.getRhs()}, init)[0]);
  return success();
}

/// past + s in every row: rotary computes them itself.
static bool isConsecutive(Value positions) {
  auto op = positions.getDefiningOp<qnt::PositionsOp>();
  return op && !op.getStarts();
}

static RotarySpec specOf(qnt::RotaryOp op, const Columns &from) {
  auto table = tensorType(op.getCos());
  Type positions = isConsecutive(op.getPositions()) ? Type() : tensorType(op.getPositions()).getElementType();
  return {from, int64_t(op.getHeads()), table.getDimSize(1), table.getDimSize(0), op.getInterleaved(), positions};
}

/// A rotation whose only reader rotates itself: fewer steps.
bool QuantLowering::readerRotates(qnt::RotaryOp op) {
  if (!op->hasOneUse())
    return false;
  Value input = op.getInput();
  RotarySpec spec = specOf(op, columns(input));
  Operation *user = *op->user_begin();
  if (auto update = dyn_cast<qnt::KvUpdateOp>(user))
    return library.facts.version.shareRows && update.getKey() == op.getResult() && canRotateKeys(library.facts, layout(update.getCache()), spec);
  auto attention = dyn_cast<qnt::AttentionOp>(user);
  return attention && attention.getQuery() == op.getResult() && isDecode(user) && canRotateQueries(library.facts, layout(attention.getCache()), spec);
}

LogicalResult QuantLowering::rotary(qnt::RotaryOp op) {
  if (readerRotates(op))
    return success();
  Value input = op.getInput();
  Columns from = columns(input);
  RotarySpec spec = specOf(op, from);
  SmallVector<Value> operands = {input};
  if (spec.positions)
    operands.push_back(op.getPositions());
  operands.append({op.getCos(), op.getSin()});
  Value init = empty(op, op.getResult(), from.width, f32(op));
  op.replaceAllUsesWith(launch(op, rotaryKernel(library, spec), operands, init)[0]);
  return success();
}

LogicalResult QuantLowering::positions(qnt::PositionsOp op) {
  auto computes = [&](Operation *user) { return isa<qnt::RotaryOp>(user) && isConsecutive(op); };
  if (llvm::all_of(op->getUsers(), computes))
    return success();
  OpBuilder b(op);
  auto type = tensorType(op.getResult());
  auto sizes = materializeDynamicDims(b, op.getLoc(), op.getResult());
  auto generate = tensor::GenerateOp::create(b, op.getLoc(), type, *sizes, [&](OpBuilder &b, Location loc, ValueRange at) {
    Value start = op.getPast();
    if (op.getStarts())
      start = arith::IndexCastOp::create(b, loc, b.getIndexType(), tensor::ExtractOp::create(b, loc, op.getStarts(), at[0]));
    Value sum = arith::AddIOp::create(b, loc, start, at[1]);
    tensor::YieldOp::create(b, loc, arith::IndexCastOp::create(b, loc, type.getElementType(), sum));
  });
  op.getResult().replaceUsesWithIf(generate, [&](OpOperand &use) { return !computes(use.getOwner()); });
  return success();
}

LogicalResult QuantLowering::kvUpdate(qnt::KvUpdateOp op) {
  auto rotary = op.getKey().getDefiningOp<qnt::RotaryOp>();
  if (rotary && !readerRotates(rotary))
    rotary = {};
  Value key = rotary ? rotary.getInput() : op.getKey(), value = op.getValue();
  Columns keys = columns(key), values = columns(value);
  SmallVector<Value> operands{key, value};
  if (op.getStarts())
    operands.push_back(op.getStarts());
  std::optional<RotarySpec> spec;
  if (rotary) {
    spec = specOf(rotary, keys);
    operands.append({rotary.getCos(), rotary.getSin()});
  }
  launch(op, kvUpdateKernel(library, layout(op.getCache()), keys, values, bool(op.getStarts()), spec ? &*spec : nullptr), operands, memory(op.getCache()));
  return success();
}

LogicalResult QuantLowering::rowStarts(qnt::RowStartsOp op) {
  OpBuilder b(op);
  auto sizes = materializeDynamicDims(b, op.getLoc(), op.getStarts());
  Value init = tensor::EmptyOp::create(b, op.getLoc(), tensorType(op.getStarts()), *sizes);
  op.replaceAllUsesWith(launch(op, rowStartsKernel(library, tensorType(op.getLengths()).getElementType()), op.getLengths(), init)[0]);
  return success();
}

LogicalResult QuantLowering::attention(qnt::AttentionOp op) {
  Type maskType = op.getKeyMask() ? tensorType(op.getKeyMask()).getElementType() : Type();
  AttentionSpec spec{layout(op.getCache()), int64_t(op.getHeads()), op.getScale().convertToFloat(), op.getSoftcap().convertToFloat(),
                     op.getCausal(), int64_t(op.getWindow()), bool(op.getStarts()), maskType};
  SmallVector<Value> operands = {op.getQuery(), memory(op.getCache())};
  if (auto rotary = op.getQuery().getDefiningOp<qnt::RotaryOp>(); rotary && readerRotates(rotary)) {
    operands[0] = rotary.getInput();
    spec.rotary = specOf(rotary, columns(operands[0]));
    operands.append({rotary.getCos(), rotary.getSin()});
  }
  if (op.getKeyMask())
    operands.push_back(op.getKeyMask());
  if (op.getStarts())
    operands.push_back(op.getStarts());
  auto output = [&] { return empty(op, op.getResult(), width(op.getResult()), f32(op)); };
  if (!isDecode(op)) {
    op.replaceAllUsesWith(launch(op, attentionKernel(library, spec), operands, output())[0]);
    return success();
  }
  OpBuilder ops(op);
  KernelBuilder b(op.getLoc(), ops, library.facts);
  Value chunks = b.ceilDiv(materializeDim(b, op.getLoc(), "total"), attentionChunk(library.facts));
  Value rows = b.mul(b.mul(chunks, materializeDim(b, op.getLoc(), "batch")), spec.heads);
  Value partials = tensor::EmptyOp::create(b, RankedTensorType::get({ShapedType::kDynamic, spec.cache.headDim + 2}, f32(op)), rows);
  partials = launch(op, attentionChunkKernel(library, spec), operands, partials)[0];
  if (qnt::QuantizeOp quantize = fusedQuantize(op)) {
    auto row = rowFor(quantize);
    if (failed(row))
      return failure();
    if (mergeQuantizes(library.facts, spec, *row)) {
      unmerged.try_emplace(op.getResult(), Unmerged{spec, operands[0], partials});
      return success();                                             // merged there
    }
  }
  op.replaceAllUsesWith(launch(op, attentionMergeKernel(library, spec), partials, output())[0]);
  return success();
}

LogicalResult QuantLowering::cacheLoad(qnt::CacheLoadOp op) {
  CacheLayout cache = layout(op.getCache());
  OpBuilder ops(op);
  KernelBuilder b(op.getLoc(), ops, library.facts);
  Value capacity = cache.capacity(b, materializeDim(b, op.getLoc(), "total"));
  Value memref = memref::AllocOp::create(b, cache.type(), cache.elements(b, materializeDim(b, op.getLoc(), "batch"), capacity));
  if (!op.getPast().empty())
    launch(op, cacheLoadKernel(library, cache), op.getPast(), memref);
  op.replaceAllUsesWith(UnrealizedConversionCastOp::create(b, op.getCache().getType(), memref).getResult(0));
  return success();
}

LogicalResult QuantLowering::cacheStore(qnt::CacheStoreOp op) {
  CacheLayout cache = layout(op.getCache());
  OpBuilder b(op);
  SmallVector<Value> outs;
  for (Value result : op.getResults()) {
    auto sizes = materializeDynamicDims(b, op.getLoc(), result);
    if (!sizes)
      return op.emitOpError("has a result whose size does not follow from the program's dimensions");
    outs.push_back(tensor::EmptyOp::create(b, op.getLoc(), tensorType(result), *sizes));
  }
  SmallVector<Value> operands{memory(op.getCache())};
  if (op.getStarts())
    operands.push_back(op.getStarts());
  op.replaceAllUsesWith(launch(op, cacheStoreKernel(library, cache, bool(op.getStarts())), operands, outs));
  return success();
}

LogicalResult QuantLowering::observe(qnt::ObserveOp op) {
  Value weight = memory(op.getWeight());
  if (!weight)
    return op.emitOpError("shows a weight that no kernel multiplies");
  // The weight is an output: whoever looks on may change it.
  launch(op, observeKernel(library, width(op.getInput()), weight.getType()), op.getInput(), weight);
  return success();
}

qnt::GluOp QuantLowering::gateOf(qnt::HadamardOp op) {
  auto gate = op.getInput().getDefiningOp<qnt::GluOp>();
  return gate && gate->hasOneUse() && library.facts.version.shuffles ? gate : qnt::GluOp();
}

LogicalResult QuantLowering::hadamard(qnt::HadamardOp op) {
  if (!library.facts.version.shuffles)
    return reference(op);
  if (fusedQuantize(op))
    return success();                                               // fused there
  qnt::GluOp gate = gateOf(op);
  Value input = gate ? Value(gate.getInput()) : Value(op.getInput());
  Value init = empty(op, input, width(op.getResult()), f32(op));
  Columns from = columns(input);
  HadamardSpec spec{from, width(op.getResult()), int64_t(op.getBlock()), gate ? std::optional(gate.getActivation()) : std::nullopt};
  op.replaceAllUsesWith(launch(op, hadamardKernel(library, spec, nullptr), input, init, gate ? gate.getOperation() : op.getOperation())[0]);
  return success();
}

LogicalResult QuantLowering::activation(Operation *op, qnt::Activation kind, bool gated) {
  if (gated && fusedQuantize(op))
    return success();                                               // fused there
  if (auto hadamard = op->hasOneUse() ? dyn_cast<qnt::HadamardOp>(*op->user_begin()) : qnt::HadamardOp(); hadamard && gateOf(hadamard) == op)
    return success();
  if (!hasWidth(op->getOperand(0)))
    return reference(op);
  Value input = op->getOperand(0), result = op->getResult(0), init = empty(op, input, width(result), f32(op));
  Columns from = columns(input);
  op->replaceAllUsesWith(launch(op, activationKernel(library, kind, from, gated), input, init));
  return success();
}
