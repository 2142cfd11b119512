// Long integer products where one instruction multiplies eight k of two columns with eight k of two rows (TargetVersion::dot8x2). Codes of two units
// are interleaved when they are unpacked, so that a column's eight k lie together; rows are taken two at a time. A register of sums then has a column's
// two rows beside each other; results stay so until they are stored, and what is added to them is put into that order: scales of columns when they are
// unpacked. An implicit zero point is subtracted from the codes then too: sums start at nothing. Sums are exact, and rescaled lane by lane, so the results are
// those of dot4.
#include "dialects/Kernel/Kernel.h"
#include "lib/Kernel/MatmulEmitter.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
using namespace mlir;
using namespace qcc;
using namespace qcc::kernel;

void MatmulEmitter::Lanes::set(unsigned n) {
  e.lanes = n;
  e.sums = VectorType::get(n, e.b.getI32Type());
  e.floats = VectorType::get(n, e.b.getF32Type());
  e.bytes = VectorType::get(4 * n, e.b.getI8Type());
}

Value MatmulEmitter::interleaveUnits(Value low, Value high) {
  Value words = vector::InterleaveOp::create(b, loc, vector::BitCastOp::create(b, loc, sums, low), vector::BitCastOp::create(b, loc, sums, high));
  return vector::BitCastOp::create(b, loc, VectorType::get(8 * lanes, b.getI8Type()), words);
}

Value MatmulEmitter::ofColumns(Value numbers) { return sumsPairs() ? ofRows(numbers, numbers) : numbers; }

Value MatmulEmitter::ofRows(Value first, Value second) { return vector::InterleaveOp::create(b, loc, first, second); }

Values MatmulEmitter::apart(ValueRange pairs, unsigned rows) {
  unsigned count = pairs.size() / llvm::divideCeil(rows, 2);
  Values single(rows * count);
  for (auto [i, pair] : llvm::enumerate(pairs)) {
    auto both = vector::DeinterleaveOp::create(b, loc, pair);
    unsigned row = i / count * 2, panel = i % count;
    single[row * count + panel] = both.getRes1();
    if (row + 1 < rows)
      single[(row + 1) * count + panel] = both.getRes2();
  }
  return single;
}

Values MatmulEmitter::pairProducts(const IntBlocks &x, const IntTile &t, Value kAt, Value codesAt, Value number, ValueRange sums) {
  unsigned pairs = t.units(), count = sums.size() / pairs;
  auto sixteen = VectorType::get(16, b.getI8Type()), unit = VectorType::get(8 * columns, b.getI8Type());
  bool together = t.rowOf.front().lane.has_value();
  auto half = [&](Value first, Value other, int64_t from) -> Value {
    SmallVector<int64_t> both;
    for (int64_t k = from; k < from + 16; ++k)
      both.push_back(k < from + 8 ? k : 16 + k - 8);
    return vector::ShuffleOp::create(b, loc, first, other, both);
  };
  Value togetherAt = add(t.rowOf.front().inputAt, mul(kAt, rowsInRegister));
  return productLoop(x, number, 2, sums, [&](Value u, ValueRange carried) {
    Values sum(carried), first, other;
    for (unsigned p = 0; p < pairs && !together; ++p) {
      Value k = add(kAt, mul(u, 8));
      first.push_back(load(args.input, add(t.rowOf[2 * p].inputAt, k), sixteen));
      other.push_back(load(args.input, add(t.rowOf[std::min(2 * p + 1, t.rows - 1)].inputAt, k), sixteen));  // of a single row: itself
    }
    for (unsigned next = 0; next < 2; ++next) {
      Values units;
      for (unsigned i = 0; i < count; ++i)
        units.push_back(load(x.codes, add(add(codesAt, mul(add(u, next), partsOf(t.c) * x.parts * 8 * columns)), codesPlace(x, t, i) * 8 * columns), unit));
      for (unsigned p = 0; p < pairs; ++p) {
        Value two = together ? load(args.input, add(togetherAt, add(mul(add(u, next), 8 * rowsInRegister), 16 * p)), sixteen) : half(first[p], other[p], 8 * next);
        for (unsigned i = 0; i < count; ++i)
          sum[p * count + i] = qk::Dot8x2Op::create(b, loc, sum[p * count + i].getType(), sum[p * count + i], units[i], two, x.signedCodes);
      }
    }
    return sum;
  });
}
