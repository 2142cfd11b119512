// Long integer products where one instruction multiplies eight k of two columns with eight k of two rows (TargetVersion::dot8x2). Codes of two units
// are interleaved when they are unpacked, so that a column's eight k lie together; rows are taken two at a time, and their sums interleaved as long
// as a run lasts. An implicit zero point is subtracted from the codes then too: sums start at nothing. Sums are exact, so the results are those of dot4.
#include "dialects/Kernel/Kernel.h"
#include "lib/Kernel/MatmulEmitter.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
using namespace mlir;
using namespace qcc;
using namespace qcc::kernel;

Value MatmulEmitter::interleaveUnits(Value low, Value high) {
  Value words = vector::InterleaveOp::create(b, loc, vector::BitCastOp::create(b, loc, sums, low), vector::BitCastOp::create(b, loc, sums, high));
  return vector::BitCastOp::create(b, loc, VectorType::get(8 * lanes, b.getI8Type()), words);
}

Values MatmulEmitter::pairProducts(ValueRange sums, ArrayRef<Value> inputAt, Value kAt, const IntBlocks &x, Value codesAt, Value number, Value startsAt) {
  Values acc(sums);
  unsigned rows = inputAt.size(), count = acc.size() / rows, pairs = (rows + 1) / 2;
  auto second = [&](unsigned pair) { return std::min(2 * pair + 1, rows - 1); };  // of a single row: itself
  auto sixteen = VectorType::get(16, b.getI8Type()), columns = VectorType::get(8 * lanes, b.getI8Type());
  Values together;
  for (unsigned p = 0; p < pairs; ++p)
    for (unsigned i = 0; i < count; ++i) {
      if (startsAt)
        together.push_back(load(x.starts, add(startsAt, (p * count + i) * 2 * lanes), VectorType::get(2 * lanes, b.getI32Type())));
      else
        together.push_back(vector::InterleaveOp::create(b, loc, acc[2 * p * count + i], acc[second(p) * count + i]));
    }
  auto half = [&](Value first, Value other, int64_t from) -> Value {
    SmallVector<int64_t> both;
    for (int64_t k = from; k < from + 16; ++k)
      both.push_back(k < from + 8 ? k : 16 + k - 8);
    return vector::ShuffleOp::create(b, loc, first, other, both);
  };
  together = productLoop(x, number, 2, together, [&](Value u, ValueRange carried) {
    Values sum(carried), first, other;
    for (unsigned p = 0; p < pairs; ++p) {
      Value k = add(kAt, mul(u, 8));
      first.push_back(load(args.input, add(inputAt[2 * p], k), sixteen));
      other.push_back(load(args.input, add(inputAt[second(p)], k), sixteen));
    }
    for (unsigned next = 0; next < 2; ++next) {
      Values units;
      for (unsigned i = 0; i < count; ++i)
        units.push_back(load(x.codes, add(add(codesAt, mul(add(u, next), count * 8 * lanes)), i * 8 * lanes), columns));
      for (unsigned p = 0; p < pairs; ++p) {
        Value two = half(first[p], other[p], 8 * next);
        for (unsigned i = 0; i < count; ++i)
          sum[p * count + i] = qk::Dot8x2Op::create(b, loc, sum[p * count + i].getType(), sum[p * count + i], units[i], two, x.signedCodes);
      }
    }
    return sum;
  });
  for (unsigned p = 0; p < pairs; ++p)
    for (unsigned i = 0; i < count; ++i) {
      auto apart = vector::DeinterleaveOp::create(b, loc, together[p * count + i]);
      acc[2 * p * count + i] = apart.getRes1();
      if (second(p) > 2 * p)
        acc[second(p) * count + i] = apart.getRes2();
    }
  return acc;
}
