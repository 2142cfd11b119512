// Norms: one row a time, f32 sums; optionally quantized while the row is at hand.
#include "lib/Kernel/Kernels.h"
using namespace mlir;
using namespace qcc;

std::string Columns::name() const {
  std::string text = std::to_string(width);
  return stride == width ? text : text + "at" + std::to_string(offset) + "of" + std::to_string(stride);
}

static std::string nameOf(const NormSpec &spec) {
  uint32_t bits;
  memcpy(&bits, &spec.epsilon, 4);
  return (Twine("norm_") + stringifyNormKind(spec.kind) + "_" + spec.columns.name() + "_e" + llvm::utohexstr(bits, true) + (spec.bias ? "_b" : "")).str();
}

static SmallVector<Type> inputsOf(MLIRContext *context, const NormSpec &spec) {
  auto vector = MemRefType::get({spec.columns.width}, Float32Type::get(context));
  SmallVector<Type> types = {spec.columns.type(context), vector};
  if (spec.bias)
    types.push_back(vector);
  return types;
}

/// Normalizes row `row` of args[0]; `put` gets each vector of the result.
static void normRow(KernelBuilder &b, const NormSpec &spec, ValueRange args, Value row, function_ref<void(Value, Value, Value)> put) {
  int64_t n = spec.columns.width;
  Value mean;
  auto input = [&](Value at, Value mask) { return b.loadVec(args[0], {row, b.add(at, spec.columns.offset)}, mask); };
  Value none = b.zero(b.vecF32());
  if (spec.kind == qnt::NormKind::Layer) {
    Value total = b.columns(n, none, [&](Value at, Value mask, ValueRange sums) {
      return KernelBuilder::Values{b.add(sums[0], input(at, mask))};
    })[0];
    mean = b.splat(b.mul(b.sum(total), b.f32(1.0 / n)), b.vecF32());
  }
  auto centered = [&](Value at, Value mask) {
    Value x = input(at, mask);
    if (!mean)
      return x;
    x = b.sub(x, mean);
    return mask ? b.select(mask, x, none) : x;
  };
  Value squares = b.columns(n, none, [&](Value at, Value mask, ValueRange sums) {
    Value x = centered(at, mask);
    return KernelBuilder::Values{b.fma(x, x, sums[0])};
  })[0];
  Value variance = b.add(b.mul(b.sum(squares), b.f32(1.0 / n)), b.f32(spec.epsilon));
  Value scale = b.splat(b.div(b.f32(1.0), math::SqrtOp::create(b, variance)), b.vecF32());
  b.columns(n, [&](Value at, Value mask) {
    Value y = b.mul(b.mul(centered(at, mask), scale), b.loadVec(args[1], at, mask));
    if (spec.bias)
      y = b.add(y, b.loadVec(args[2], at, mask));
    put(y, at, mask);
  });
}

FlatSymbolRefAttr qcc::normKernel(KernelLibrary &library, const NormSpec &spec) {
  MLIRContext *context = library.context();
  SmallVector<Type> types = inputsOf(context, spec);
  types.push_back(rowsOf(spec.columns.width, Float32Type::get(context)));
  return library.get(nameOf(spec), types, [&](KernelBuilder &b, ValueRange args) {
    b.share(b.size(args.back(), 0), [&](Value row) {
      normRow(b, spec, args, row, [&](Value y, Value at, Value mask) { b.storeVec(y, args.back(), {row, at}, mask); });
    });
  });
}

FlatSymbolRefAttr qcc::normQuantizeKernel(KernelLibrary &library, const NormSpec &spec, const QuantizedRow &row8) {
  SmallVector<Type> types = inputsOf(library.context(), spec);
  row8.addTypes(types, library.context());
  return library.get(nameOf(spec) + "_a8_" + row8.name(), types, [&](KernelBuilder &b, ValueRange args) {
    ValueRange out = args.take_back(3);
    Value scale = row8.isStatic ? args[args.size() - 4] : Value();
    int64_t n = spec.columns.width;
    Value line = b.scratch({(n + 31) / 32 * 32}, b.getF32Type());
    b.share(b.size(out[0], 0), [&](Value row) {
      normRow(b, spec, args, row, [&](Value y, Value at, Value mask) { b.storeVec(y, line, at, mask); });
      quantizeColumns(b, row8, line, {}, b.idx(0), row, b.idx(0), b.idx(n), scale, out);
      padQuantized(b, row8, row, out);
    });
  });
}
