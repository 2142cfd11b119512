// State of the conversion of qnt operations to launches, for one module.
#ifndef QCC_LIB_KERNEL_QUANTLOWERING_H
#define QCC_LIB_KERNEL_QUANTLOWERING_H
#include "lib/Kernel/Kernels.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
namespace qcc {

/// The operations of one function are converted in order. Each method inserts before the operation, replaces its results, and leaves erasing
/// it to `finish`: the fused producers of an operation stay until then.
class QuantLowering {
public:
  explicit QuantLowering(KernelLibrary &library) : library(library) {}
  mlir::LogicalResult convert(mlir::func::FuncOp function);

private:
  using Value = mlir::Value;
  using OpBuilder = mlir::OpBuilder;
  /// int8 activations as three tensors: codes, scales, sums.
  struct Quantized {
    mlir::SmallVector<Value> parts;
    QuantizedRow row;
  };

  mlir::LogicalResult convert(mlir::Operation *op);
  mlir::LogicalResult gather(qnt::GatherOp op);
  mlir::LogicalResult norm(qnt::NormOp op);
  mlir::LogicalResult quantize(qnt::QuantizeOp op);
  mlir::LogicalResult roundToFloats(qnt::QuantizeOp op);
  mlir::LogicalResult splitOutliers(qnt::SplitOutliersOp op);
  mlir::LogicalResult dequantize(qnt::DequantizeOp op);
  mlir::LogicalResult matmul(qnt::MatmulOp op, Value addend, mlir::Operation *at);
  mlir::LogicalResult add(mlir::arith::AddFOp op);
  mlir::LogicalResult rotary(qnt::RotaryOp op);
  bool readerRotates(qnt::RotaryOp op);
  mlir::LogicalResult positions(qnt::PositionsOp op);
  mlir::LogicalResult rowStarts(qnt::RowStartsOp op);
  mlir::LogicalResult kvUpdate(qnt::KvUpdateOp op);
  mlir::LogicalResult attention(qnt::AttentionOp op);
  mlir::LogicalResult cacheLoad(qnt::CacheLoadOp op);
  mlir::LogicalResult cacheStore(qnt::CacheStoreOp op);
  mlir::LogicalResult observe(qnt::ObserveOp op);
  mlir::LogicalResult hadamard(qnt::HadamardOp op);
  mlir::LogicalResult activation(mlir::Operation *op, qnt::Activation kind, bool gated);
  mlir::LogicalResult reference(mlir::Operation *op);

  /// Launches `kernel` before `at`; returns the results of tensor outputs. `main`: the operation that gives the launch its location, where it is
  /// not `at` that most of the work is for.
  mlir::SmallVector<Value> launch(mlir::Operation *at, FlatSymbolRefAttr kernel, mlir::ValueRange inputs, mlir::ValueRange outputs,
                                  mlir::Operation *main = nullptr);
  /// Says what the launch that made `result` costs: the bytes of weights that it reads, and multiply-adds for each row of `input`.
  void setWork(Value result, int64_t weightBytes, int64_t macs, Value input);
  /// An uninitialized tensor: the leading extents of `like`, then `width`.
  Value empty(mlir::Operation *at, Value like, int64_t width, mlir::Type element);
  mlir::SmallVector<mlir::OpFoldResult> leading(OpBuilder &b, Value tensor);
  /// `tensor` as columns of a wider one, when it is a slice of columns; then `tensor` becomes that one.
  Columns columns(Value &tensor);
  /// The first column of its source that `slice` has, if it is a slice of columns of all rows.
  std::optional<int64_t> columnOf(mlir::tensor::ExtractSliceOp slice);
  /// Columns 0..width of `wide`.
  Value firstColumns(mlir::Operation *at, Value wide, int64_t width);
  /// Whether the kernel that reads `use` takes columns of wider rows.
  bool takesColumns(mlir::OpOperand &use);
  /// The product that is operand `i` of `add` and of nothing else, to whose results the other operand is added.
  qnt::MatmulOp operandProduct(mlir::arith::AddFOp add, unsigned i);
  /// The gated unit whose result `op` alone reads, if it has a kernel for both.
  qnt::GluOp gateOf(qnt::HadamardOp op);
  bool isDecode(mlir::Operation *op);
  CacheLayout layout(Value cache);
  /// The memref behind a packed weight or a cache.
  Value memory(Value value);
  mlir::FailureOr<QuantizedRow> rowFor(qnt::QuantizeOp op);
  /// The operation that makes integers of `op`'s result, where nothing else reads it: a kernel does both.
  qnt::QuantizeOp fusedQuantize(mlir::Operation *op);

  KernelLibrary &library;
  /// The float input of `matmul` as bf16 tiles, made once for all matmuls that read them.
  struct Tiles {
    Value tiles;
    int64_t stride;
  };
  mlir::FailureOr<Tiles> tilesFor(qnt::MatmulOp matmul);
  mlir::FailureOr<kernel::PanelLayout> panelsOf(qnt::MatmulOp matmul);
  LinearSpec linearOf(qnt::MatmulOp matmul, const kernel::MatmulSpec &product);
  bool readerMakes(qnt::QuantizeOp op, mlir::Operation *producer, const QuantizedRow &row);
  kernel::MatmulSpec productOf(qnt::MatmulOp matmul, const kernel::PanelLayout &weight, const QuantizedRow &row);
  /// How far rows of a product's result are apart: TargetVersion::oddRows, where all who read it take columns of wider rows.
  int64_t strideOf(Value result, kernel::RowClass rows);
  bool usesTiles(qnt::MatmulOp matmul, const kernel::PanelLayout &weight);
  kernel::RowClass rowClass(mlir::Operation *op);

  llvm::DenseMap<Value, Quantized> quantized;
  llvm::DenseMap<Value, Value> values;     // of 8-bit floats
  /// Attention whose partial results are merged where it is quantized.
  struct Unmerged {
    AttentionSpec spec;
    Value query, partials;
  };
  llvm::DenseMap<Value, Unmerged> unmerged;
  /// A row that the product which reads it makes itself.
  struct Unmade {
    mlir::Operation *producer;                                      // norm or gated unit
    qnt::QuantizeOp quantize;
    QuantizedRow row;
  };
  llvm::DenseMap<Value, Unmade> unmade;
  llvm::DenseMap<Value, Tiles> rounded;
  llvm::DenseMap<Value, Value> found;      // which channels of outliers are not 0
  mlir::SmallVector<mlir::Operation *> done;
};
} // namespace qcc
#endif
