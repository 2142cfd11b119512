// The short names of KernelBuilder.h.
#include "lib/Kernel/KernelBuilder.h"
using namespace mlir;
using namespace qcc;

static bool isFloat(Value v) { return isa<FloatType>(getElementTypeOrSelf(v.getType())); }

Value KernelBuilder::f32(double value) { return arith::ConstantFloatOp::create(*this, getF32Type(), APFloat(float(value))); }
Value KernelBuilder::add(Value a, Value b) { return isFloat(a) ? Value(arith::AddFOp::create(*this, a, b)) : arith::AddIOp::create(*this, a, b); }
Value KernelBuilder::sub(Value a, Value b) { return isFloat(a) ? Value(arith::SubFOp::create(*this, a, b)) : arith::SubIOp::create(*this, a, b); }
Value KernelBuilder::mul(Value a, Value b) { return isFloat(a) ? Value(arith::MulFOp::create(*this, a, b)) : arith::MulIOp::create(*this, a, b); }
Value KernelBuilder::div(Value a, Value b) { return isFloat(a) ? Value(arith::DivFOp::create(*this, a, b)) : arith::DivUIOp::create(*this, a, b); }
// Compare and select is one instruction on x86 and ARM; minnum and maxnum are three, for NaN's sake.
Value KernelBuilder::min(Value a, Value b) {
  if (!isFloat(a))
    return arith::MinSIOp::create(*this, a, b);
  return select(arith::CmpFOp::create(*this, arith::CmpFPredicate::OLT, a, b), a, b);
}
Value KernelBuilder::max(Value a, Value b) {
  if (!isFloat(a))
    return arith::MaxSIOp::create(*this, a, b);
  return select(arith::CmpFOp::create(*this, arith::CmpFPredicate::OGT, a, b), a, b);
}
Value KernelBuilder::fma(Value a, Value b, Value c) {
  return math::FmaOp::create(*this, a, b, c);                       // vector.fma becomes llvm.fmuladd, which strict code generation splits
}
Value KernelBuilder::less(Value a, Value b) { return arith::CmpIOp::create(*this, arith::CmpIPredicate::slt, a, b); }

Value KernelBuilder::toF32(Value v) {
  Type from = getElementTypeOrSelf(v.getType());
  if (from.isF32())
    return v;
  Type to = getF32Type();
  if (auto vector = dyn_cast<VectorType>(v.getType()))
    to = vector.cloneWith(std::nullopt, to);
  if (isa<FloatType>(from))
    return arith::ExtFOp::create(*this, to, v);
  if (from.isIndex())
    v = arith::IndexCastOp::create(*this, getI64Type(), v);
  return arith::SIToFPOp::create(*this, to, v);
}

// exp(x) = 2^n * exp(r), n = round(x / ln 2), |r| <= ln 2 / 2; the polynomial is Cephes' expf.
Value KernelBuilder::exp(Value x) {
  auto type = cast<VectorType>(x.getType());
  auto c = [&](double v) { return splat(f32(v), type); };
  x = max(min(x, c(88.3762626647949)), c(-87.3365478515625));       // outside the result is no normal number
  Value n = math::RoundEvenOp::create(*this, mul(x, c(1.44269504088896341)));
  Value r = fma(n, c(-0.693359375), x);
  r = fma(n, c(2.12194440e-4), r);
  Value p = c(1.9875691500e-4);
  for (double k : {1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1})
    p = fma(p, r, c(k));
  p = fma(p, mul(r, r), add(r, c(1.0)));
  auto ints = type.cloneWith(std::nullopt, getI32Type());
  Value e = arith::FPToSIOp::create(*this, ints, n);
  e = arith::ShLIOp::create(*this, e, splat(i32(23), ints));
  return arith::BitcastOp::create(*this, type, arith::AddIOp::create(*this, arith::BitcastOp::create(*this, ints, p), e));
}

Value KernelBuilder::loadVec(Value memref, ValueRange at, Value mask, unsigned n) {
  auto type = vec(n ? n : lanes(), cast<MemRefType>(memref.getType()).getElementType());
  if (mask)
    return vector::MaskedLoadOp::create(*this, type, memref, at, mask, zero(type));
  return vector::LoadOp::create(*this, type, memref, at);
}

void KernelBuilder::storeVec(Value v, Value memref, ValueRange at, Value mask) {
  if (mask)
    vector::MaskedStoreOp::create(*this, memref, at, mask, v);
  else
    vector::StoreOp::create(*this, v, memref, at);
}

Value KernelBuilder::scratch(ArrayRef<int64_t> shape, Type element) {
  return memref::AllocaOp::create(*this, MemRefType::get(shape, element), getI64IntegerAttr(64));
}

void KernelBuilder::loop(Value lo, Value hi, int64_t step, function_ref<void(Value)> body) {
  loop(lo, hi, step, {}, [&](Value i, ValueRange) {
    body(i);
    return Values();
  });
}

KernelBuilder::Values KernelBuilder::loop(Value lo, Value hi, int64_t step, ValueRange carried, function_ref<Values(Value, ValueRange)> body) {
  auto op = scf::ForOp::create(*this, lo, hi, idx(step), carried);
  OpBuilder::InsertionGuard guard(*this);
  if (carried.empty()) {                                            // the builder has put the terminator in already
    setInsertionPoint(op.getBody()->getTerminator());
    body(op.getInductionVar(), {});
    return {};
  }
  setInsertionPointToEnd(op.getBody());
  scf::YieldOp::create(*this, body(op.getInductionVar(), op.getRegionIterArgs()));
  return Values(op.getResults());
}

void KernelBuilder::when(Value condition, function_ref<void()> body) {
  auto op = scf::IfOp::create(*this, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPoint(op.thenBlock()->getTerminator());
  body();
}

void KernelBuilder::columns(int64_t n, function_ref<void(Value, Value)> body) {
  columns(n, {}, [&](Value at, Value mask, ValueRange) {
    body(at, mask);
    return Values();
  });
}

KernelBuilder::Values KernelBuilder::columns(int64_t n, ValueRange carried, function_ref<Values(Value, Value, ValueRange)> body) {
  int64_t whole = n / lanes() * lanes();
  Values values(carried);
  if (whole)
    values = loop(idx(0), idx(whole), lanes(), values, [&](Value at, ValueRange args) { return body(at, Value(), args); });
  if (whole < n) {
    Value mask = vector::CreateMaskOp::create(*this, vec(lanes(), getI1Type()), ValueRange{idx(n - whole)});
    values = body(idx(whole), mask, values);
  }
  return values;
}

void KernelBuilder::columns(Value lo, Value hi, int64_t n, function_ref<void(Value, Value)> body) {
  loop(lo, hi, lanes(), [&](Value at) {
    Value mask;
    if (n % lanes())
      mask = vector::CreateMaskOp::create(*this, vec(lanes(), getI1Type()), ValueRange{min(sub(hi, at), idx(lanes()))});
    body(at, mask);
  });
}

void KernelBuilder::shareTiles(Value rows, int64_t n, int64_t tile, function_ref<void(Value, Value, Value)> body) {
  int64_t tiles = (n + tile - 1) / tile;
  share(mul(rows, tiles), [&](Value unit) {
    Value from = mul(rem(unit, tiles), tile);
    body(div(unit, tiles), from, min(add(from, tile), idx(n)));
  });
}

void KernelBuilder::share(Value n, function_ref<void(Value)> body) {
  Value thread = qk::ThreadIdOp::create(*this, getIndexType()), threads = qk::NumThreadsOp::create(*this, getIndexType());
  Value lo = div(mul(n, thread), threads), hi = div(mul(n, add(thread, 1)), threads);
  loop(lo, hi, 1, body);
}

KernelLibrary::KernelLibrary(ModuleOp module) : facts(getTargetFacts(module)), module(module) {}

FlatSymbolRefAttr KernelLibrary::get(const Twine &name, TypeRange parameters, function_ref<void(KernelBuilder &, ValueRange)> body) {
  auto symbol = FlatSymbolRefAttr::get(StringAttr::get(module.getContext(), name));
  OpBuilder top = OpBuilder::atBlockEnd(module.getBody());
  FunctionType type = top.getFunctionType(parameters, {});
  if (Operation *known = module.lookupSymbol(symbol)) {
    assert(cast<func::FuncOp>(known).getFunctionType() == type && "a kernel's name says all that it depends on");
    return symbol;
  }
  Location loc = NameLoc::get(symbol.getAttr());
  auto function = func::FuncOp::create(top, loc, symbol.getValue(), type);
  function.setPrivate();
  function->setAttr("qk.kernel", top.getUnitAttr());
  Block *entry = function.addEntryBlock();
  KernelBuilder b(loc, OpBuilder::atBlockEnd(entry), facts);
  body(b, entry->getArguments());
  func::ReturnOp::create(b);
  return symbol;
}
