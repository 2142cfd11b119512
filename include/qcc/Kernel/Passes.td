#ifndef QCC_KERNEL_PASSES
#define QCC_KERNEL_PASSES
include "mlir/Pass/PassBase.td"

def PlaceWeights : Pass<"qcc-kernel-place-weights", "::mlir::ModuleOp"> {
  let summary = "Decide how every weight lies in the weights file, and where";
  let description = [{
    The use decides: a matmul reads packed panels (lib/Kernel/Packing.h), a gather reads rows one after the other (RowLayout.h), anything else
    a plain dense tensor. With `reference`, every use is a reference lowering: it reads the components of quantized weights (ComponentLayout.h), plain
    tensors else. A weight with several uses gets one declaration for each layout. Offsets are multiples of 64 in the order of the
    declarations; the module's `qnt.weights_bytes` is the length of the data region.
    Example:
      qnt.weight_decl @w : tensor<512x256x!qnt.block<bits = 4, group = 32>> [...]
      %w = qnt.weight @w : ...
      %y = qnt.matmul %x, %w : ...
    becomes
      qnt.weight_decl @w : tensor<512x256x!qnt.block<bits = 4, group = 32>> [...] {layout = #qnt.layout<panels, bytes = 73728, lanes = 16>, offset = 0}
  }];
  let options = [Option<"lanes", "lanes", "unsigned", "16", "columns of a packed panel">,
                 Option<"reference", "reference", "bool", "false", "lay weights out for reference lowerings">];
  let dependentDialects = ["::qcc::qnt::QntDialect"];
}

def SpecializeShapes : Pass<"qcc-kernel-specialize-shapes", "::mlir::ModuleOp"> {
  let summary = "A copy of a function for each tuple of shapes that it is called with";
  let description = [{
    Layers are outlined by what they compute, so two stacks over sequences of different lengths share one function. Passes after this one name the
    extents inside a function by those of a call's arguments; all calls of a function then agree.
    Example:
      %0 = call @layer(%x) : (tensor<?x16xf32>) -> tensor<?x16xf32>          // x : [s, 16]
      %1 = call @layer(%y) : (tensor<?x16xf32>) -> tensor<?x16xf32>          // y : [t, 16]
    becomes
      %0 = call @layer(%x) : (tensor<?x16xf32>) -> tensor<?x16xf32>
      %1 = call @layer_0(%y) : (tensor<?x16xf32>) -> tensor<?x16xf32>
  }];
}

def RequireEqualDims : Pass<"qcc-kernel-require-equal-dims", "::mlir::ModuleOp"> {
  let summary = "List the extents that the program takes as equal though nothing says that they are";
  let description = [{
    A file may add tensors `[s, 8]` and `[t, 8]`. The program then assumes s = t, and would read other memory where that is wrong, so the runtime compares
    the pairs of `qnt.equal_dims` (left, right, the node that needs it) before it runs anything. Expressions become derived dimensions (DeriveDims).
    Example:
      module attributes {qnt.dims = ["s", "t"]} { ... %z = arith.addf %x, %y : tensor<?x8xf32> ... }
    becomes
      module attributes {qnt.dims = ["s", "t"], qnt.equal_dims = [["s", "t", "/add"]]} { ... }
  }];
}

def DeriveDims : Pass<"qcc-kernel-derive-dims", "::mlir::ModuleOp"> {
  let summary = "Functions for the extents of results that follow from the program's other dimensions";
  let description = [{
    A result may have an extent that no input has: `batch*seq` of a reshape, `a + b` of a concatenation. The module lists it in `qnt.dims` and in
    `qnt.derived_dims`; the function `dim.<index>` computes it, and the artifact's table refers to it (`qcc_dim.value` in qcc/Runtime/Program.h).
    Example:
      module attributes {qnt.dims = ["batch", "seq", "batch*seq"], qnt.derived_dims = ["batch*seq"]} { ... }
    gets
      func.func @dim.2() -> index attributes {qk.size} { %b = qk.dim "batch" %s = qk.dim "seq" %0 = arith.muli %b, %s return %0 }
  }];
  let dependentDialects = ["::qcc::qk::QkDialect", "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect"];
}

def SpecializeRows : Pass<"qcc-kernel-specialize-rows", "::mlir::ModuleOp"> {
  let summary = "One program for each class of row counts: decode (1), short (2..15), long (16..)";
  let description = [{
    Clones `@main` and the functions it calls. Functions say their class in `qk.rows`; in the decode class `batch` and `seq` are the constant 1.
    Dimensions that compilation fixed (`qnt.fixed_dims`) are constants, and classes that they rule out do not exist.
    Example:
      func.func @main(...) { %s = qnt.dim "seq" ... }
    becomes
      func.func @decode(...) attributes {qk.rows = "decode"} { %s = arith.constant 1 : index ... }
      func.func @short(...) attributes {qk.rows = "short"} { %s = qnt.dim "seq" ... }
      func.func @long(...) attributes {qk.rows = "long"} { %s = qnt.dim "seq" ... }
  }];
}

def TrimLogits : Pass<"qcc-kernel-trim-logits", "::mlir::ModuleOp"> {
  let summary = "Compute logits of the last `keep` positions only";
  let description = [{
    In programs that keep KV state, a prompt's logits are wanted for its last position, and the head is the largest matmul. The final run of
    operations that treat every position alike (norm, matmul) gets only the last `keep` positions, a dimension that the caller sets.
    Example:
      %y = qnt.norm rms %x, %w eps 1.0e-5 : tensor<?x?x64xf32>, tensor<64xf32>
      %logits = qnt.matmul %y, %head : ...
    becomes
      %last = tensor.extract_slice %x[0, %from, 0] [%batch, %keep, 64] [1, 1, 1] : tensor<?x?x64xf32> to tensor<?x?x64xf32>
      %y = qnt.norm rms %last, ...
  }];
  let dependentDialects = ["::mlir::tensor::TensorDialect", "::mlir::arith::ArithDialect"];
}

def ResolveDims : Pass<"qcc-kernel-resolve-dims", "::mlir::ModuleOp"> {
  let summary = "Replace tensor.dim by the program's dimensions";
  let description = [{
    Follows a dimension back through operations that keep it, and through calls, to a `qnt.dims` name of an argument or a `qnt.dim`. What is
    left is computed at run time; buffers need sizes that follow from the program's dimensions (PlaceBuffers).
    Example:
      %s = tensor.dim %x, %c1 : tensor<?x?x64xf32>     // %x: {qnt.dims = ["batch", "seq", "64"]}
    becomes
      %s = qk.dim "seq"
  }];
  let dependentDialects = ["::qcc::qk::QkDialect", "::mlir::tensor::TensorDialect"];
}

def LowerBoundaries : Pass<"qcc-kernel-lower-boundaries", "::mlir::ModuleOp"> {
  let summary = "Programs get their memory from the invocation, functions write results where the caller says";
  let description = [{
    A program's arguments and results become `qk.bind` of ports and state. Functions that it calls take packed weights and caches as memrefs
    and a memref for every result. `unrealized_conversion_cast` joins the old and the new types until LowerQuant removes both.
    Example:
      func.func @decode(%ids: tensor<?x?xi64> {qnt.dims = ["batch", "seq"], ...}) -> (tensor<?x?x64xf32> {...}) {
        ...
        return %y : tensor<?x?x64xf32>
      }
    becomes
      func.func @decode() {
        %p = qk.bind port 0 sizes(%batch, %seq) : memref<?x?xi64>
        %ids = bufferization.to_tensor %p restrict : memref<?x?xi64> to tensor<?x?xi64>
        %out = qk.bind port 1 sizes(%batch, %seq) : memref<?x?x64xf32>
        ...
        bufferization.materialize_in_destination %y in restrict writable %out : (tensor<?x?x64xf32>, memref<?x?x64xf32>) -> ()
        return
      }
  }];
  let dependentDialects = ["::qcc::qk::QkDialect", "::mlir::bufferization::BufferizationDialect", "::mlir::memref::MemRefDialect",
    "::mlir::arith::ArithDialect"];
}

def LowerQuant : Pass<"qcc-kernel-lower-quant", "::mlir::ModuleOp"> {
  let summary = "qnt operations become launches of generated kernels";
  let description = [{
    Every `qnt` operation becomes a `qk.launch` of a kernel that is generated for its static sizes, formats and row class, and shared by all
    launches with the same ones. Fuses what one pass over a row can do: norm with quantize, glu with quantize, rotary with kv_update, matmul with bias and
    residual addition. What has no kernel (also of scalars, and of rows whose width only a run tells) is replaced by its reference lowering.
    With `odd_rows`, rows of a product's result may be longer than what is read of them, and their readers take columns of it.
    Example:
      %y = qnt.norm rms %x, %w eps 1.0e-5 : tensor<?x?x64xf32>, tensor<64xf32>
    becomes
      %init = tensor.empty(%b, %s) : tensor<?x?x64xf32>
      %y = qk.launch @norm_rms_64(%x, %w : ...) outs(%init : tensor<?x?x64xf32>) -> (tensor<?x?x64xf32>)
  }];
  let dependentDialects = ["::qcc::qk::QkDialect", "::mlir::bufferization::BufferizationDialect", "::mlir::memref::MemRefDialect",
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect", "::mlir::scf::SCFDialect",
    "::mlir::tensor::TensorDialect", "::mlir::vector::VectorDialect", "::mlir::func::FuncDialect"];
}

def LowerComponents : Pass<"qcc-kernel-lower-components", "::mlir::ModuleOp"> {
  let summary = "Components of weights and views of caches become memory: what reference lowerings leave to the kernel stage";
  let description = [{
    `qnt.decompose` of a weight becomes views of its rows (ComponentLayout.h), `qnt.cache_view` views of the cache, an empty `qnt.cache_load` a
    buffer, and `cf.assert` on an index a run-time error of the program. Other operations are left to LowerQuant; with `complete`, there must be none
    (`--kernels=reference`: no kernel is launched).
    Example:
      %codes, %scales = qnt.decompose %w : tensor<512x256x!qnt.block<bits = 4, group = 32>> -> tensor<512x256xi8>, tensor<512x8xf32>
    becomes
      %rows = memref.view %w[%c0][] : memref<147456xi8> to memref<512x288xi8>
      %part = memref.subview %rows[0, 32] [512, 256] [1, 1] : memref<512x288xi8> to memref<512x256xi8, strided<[288, 1], offset: 32>>
      %codes = bufferization.to_tensor %part restrict : memref<512x256xi8, strided<[288, 1], offset: 32>> to tensor<512x256xi8>
  }];
  let options = [Option<"complete", "complete", "bool", "false", "refuse operations that are not lowered to their reference">];
  let dependentDialects = ["::qcc::qk::QkDialect", "::mlir::bufferization::BufferizationDialect", "::mlir::memref::MemRefDialect",
    "::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect"];
}

def SeparateDestinations : Pass<"qcc-kernel-separate-destinations", "::mlir::func::FuncOp"> {
  let summary = "Let no two operations write into one tensor";
  let description = [{
    CSE makes one of empty tensors that only have a shape in common. As one buffer it would live from its first to its last use, through all layers,
    and keep its place in the arena from everything between. So every use of an empty tensor gets one of its own; and so does every operation that writes
    into a `linalg.fill` or a `tensor.insert_slice` which others write into, too.
    An operation that does not read what it overwrites gets an empty tensor where that is a result of the program (`bufferization.materialize_in_destination`)
    or has other writers: results are computed in the memory of the caller, and what is made in the place of one has to be copied out before it is complete.
    Example:
      %e = tensor.empty(%s) : tensor<?x64xf32>
      %a = linalg.exp ins(%x : tensor<?x64xf32>) outs(%e : tensor<?x64xf32>) -> tensor<?x64xf32>
      %b = linalg.abs ins(%a : tensor<?x64xf32>) outs(%e : tensor<?x64xf32>) -> tensor<?x64xf32>
    becomes
      %e = tensor.empty(%s) : tensor<?x64xf32>
      %a = linalg.exp ins(%x : tensor<?x64xf32>) outs(%e : tensor<?x64xf32>) -> tensor<?x64xf32>
      %f = tensor.empty(%s) : tensor<?x64xf32>
      %b = linalg.abs ins(%a : tensor<?x64xf32>) outs(%f : tensor<?x64xf32>) -> tensor<?x64xf32>
  }];
  let dependentDialects = ["::mlir::tensor::TensorDialect", "::qcc::qk::QkDialect", "::mlir::arith::ArithDialect"];
}

def PlaceBuffers : Pass<"qcc-kernel-place-buffers", "::mlir::ModuleOp"> {
  let summary = "Give every buffer a place in the arena";
  let description = [{
    Buffers that live at different times share a slot; the largest choose first. Sizes follow from the program's dimensions and are computed at the function's entry;
    a function's slots form its frame, and a callee's frame comes after its caller's. `@<function>.frame` computes the bytes of both.
    Example:
      %a = memref.alloc(%s) : memref<?x64xf32>
    becomes
      %o = arith.addi %frame, %slot0 : index
      %a = qk.bind arena at %o sizes(%s) : memref<?x64xf32>
  }];
  let dependentDialects = ["::qcc::qk::QkDialect", "::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect"];
}

def DistributeLoops : Pass<"qcc-kernel-distribute-loops", "::mlir::func::FuncOp"> {
  let summary = "The generic path: spread linalg operations over the threads";
  let description = [{
    Linalg operations and copies of a program become loops; each thread runs a contiguous part of the parallel iterations, then all meet.
    Other writes are done by thread 0.
    Example:
      memref.copy %a, %b : memref<?x64xf32> to memref<?x64xf32>
    becomes
      scf.for %i = %lo to %hi ... { scf.for %j ... { load, store } }
      qk.barrier
  }];
  let dependentDialects = ["::qcc::qk::QkDialect", "::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect", "::mlir::memref::MemRefDialect",
    "::mlir::linalg::LinalgDialect"];
}

def DescribeRegions : Pass<"qcc-kernel-describe-regions", "::mlir::ModuleOp"> {
  let summary = "Number the regions between barriers and say what each one does";
  let description = [{
    A region is what all threads do from one barrier to the next. The module's `qk.regions` describe each: the kernels that it calls (`loops`:
    the generic path), the ONNX nodes that they come from, and what the calls' `qk.work` says: bytes of weights, multiply-adds for each row, and
    the dimensions that rows are the product of. The last two are there only where all that the region computes is known. Where a function
    stands for several layers, `*` replaces what differs in their nodes' names. The runtime measures regions by these numbers.
    Example:
      call @linear_64x32(%x, %w, %y) {qk.work = {macs = 2048 : i64, rows = ["batch", "seq"], weight_bytes = 1152 : i64}} : ...  // loc("/head/MatMul")
      qk.barrier
    becomes
      module attributes {qk.regions = [{kernels = "linear_64x32", macs = 2048 : i64, nodes = "/head/MatMul", rows = ["batch", "seq"],
                                        weight_bytes = 1152 : i64}, ...]}
      ...
      call @linear_64x32(%x, %w, %y) : ...
      qk.barrier 0
  }];
  let dependentDialects = ["::qcc::qk::QkDialect"];
}

def LowerLaunch : Pass<"qcc-kernel-lower-launch", "::mlir::ModuleOp"> {
  let summary = "A launch is a call and, where something depends on it, a barrier";
  let description = [{
    Operands are collapsed to the rank that the kernel takes. Steps that share no memory that one of them writes run without waiting between them.
    Example:
      qk.launch @norm_rms_64(%x, %w : memref<?x?x64xf32>, memref<64xf32>) outs(%y : memref<?x?x64xf32>)
    becomes
      %x2 = memref.collapse_shape %x [[0, 1], [2]] : ...
      %y2 = memref.collapse_shape %y [[0, 1], [2]] : ...
      call @norm_rms_64(%x2, %w, %y2) : ...
      qk.barrier
  }];
  let dependentDialects = ["::qcc::qk::QkDialect", "::mlir::memref::MemRefDialect", "::mlir::func::FuncDialect"];
}
#endif
