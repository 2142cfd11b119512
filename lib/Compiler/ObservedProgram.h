// The float program of a model, compiled for this machine and loaded into this process: it shows what reaches its matmuls.
#ifndef QCC_LIB_COMPILER_OBSERVEDPROGRAM_H
#define QCC_LIB_COMPILER_OBSERVEDPROGRAM_H
#include "dialects/Quant/Quant.h"
#include "lib/Compiler/Library.h"
#include "qcc/Compiler/Options.h"
#include "mlir/IR/OwningOpRef.h"
#include "lib/Artifact/ModelLibrary.h"
#include <optional>
namespace qcc {

/// Before rows are multiplied with the weight of this source (WeightDeclOp::getSource): values[rows][K].
using InputObserver = llvm::function_ref<void(mlir::ArrayAttr source, const float *values, int64_t rows, int64_t K)>;

class ObservedProgram {
public:
  /// `graph`: a program as the graph stage leaves it. Its weights stay float, whatever `options` says of them.
  ObservedProgram(mlir::OwningOpRef<mlir::ModuleOp> graph, const SourceFiles &sources, const CompilerOptions &options);
  ~ObservedProgram();

  /// Compiles and loads it. An exit code, after a message.
  int open(PassRunner &runner, Phases &phases);
  /// Runs tokens[batch][length], each sequence from its beginning.
  int run(llvm::ArrayRef<int64_t> tokens, int64_t batch, int64_t length, InputObserver observer);
  /// Replaces the values of a weight, [N][K], from now on; the observer may do so for the weight that it is called for, or later ones.
  int replaceWeight(mlir::ArrayAttr source, llvm::ArrayRef<float> values);

private:
  int describeInputs();
  int checkMemory(int64_t batch, int64_t length) const;
  int write(qnt::WeightDeclOp decl, llvm::ArrayRef<float> values);

  mlir::OwningOpRef<mlir::ModuleOp> module;
  const SourceFiles &sources;
  CompilerOptions options;                // of this program
  Scratch scratch;
  ModelLibrary library = {};
  qcc_model *model = nullptr;
  int weightsFile = -1;                   // descriptor of what the program has mapped
  llvm::DenseMap<int64_t, mlir::Operation *> declAt;  // by offset in the weights' data
  llvm::DenseMap<mlir::ArrayAttr, llvm::SmallVector<qnt::WeightDeclOp, 1>> declsOf;  // by source, those that matmuls read
  struct Input {
    std::string role;
    int32_t bits;
  };
  std::vector<Input> inputs;
  mlir::OwningOpRef<mlir::ModuleOp> lowered;  // has the functions that tell how much memory a run takes
};
} // namespace qcc
#endif
