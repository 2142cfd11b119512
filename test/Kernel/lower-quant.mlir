// RUN: qcc-opt %s --qcc-kernel-lower-quant | FileCheck %s
module attributes {qnt.dims = ["batch", "seq", "past", "context"]} {
  // CHECK-LABEL: func.func @norm
  // CHECK: %[[INIT:.*]] = tensor.empty
  // CHECK: qk.launch @norm_rms_64_{{.*}}(%{{.*}}, %{{.*}} : {{.*}}) outs(%[[INIT]] : tensor<?x?x64xf32>)
  func.func @norm(%x: tensor<?x?x64xf32>, %s: tensor<64xf32>) -> tensor<?x?x64xf32> {
    %y = qnt.norm rms %x, %s eps 1.0e-5 : tensor<?x?x64xf32>, tensor<64xf32>
    return %y : tensor<?x?x64xf32>
  }
  // Of scalars and of rows whose width only a run tells there is no kernel.
  // CHECK-LABEL: func.func @no_width
  // CHECK-NOT: qk.launch
  // CHECK: arith.maximumf
  // CHECK-NOT: qk.launch
  // CHECK: arith.maximumf
  func.func @no_width(%x: tensor<f32>, %y: tensor<2x?xf32>) -> (tensor<f32>, tensor<2x?xf32>) {
    %0 = qnt.activate relu %x : tensor<f32>
    %1 = qnt.activate relu %y : tensor<2x?xf32>
    return %0, %1 : tensor<f32>, tensor<2x?xf32>
  }
  // Norm and quantize are one launch; the product takes codes, scales and sums, and adds the residual.
  // CHECK-LABEL: func.func @fused
  // CHECK-NOT: qk.launch @norm_rms_64_{{[0-9a-f]*}}(
  // CHECK: %[[Q:.*]]:3 = qk.launch @norm_rms_64_{{.*}}_a8_64
  // CHECK: qk.launch @linear_64x64_{{.*}}w4g32_a8_long_add(%[[Q]]#0, %[[Q]]#1, %[[Q]]#2, %{{.*}}, %arg0 :
  // CHECK-SAME: {qk.work = {macs = 4096 : i64, weight_bytes = 2304 : i64}}
  // CHECK-NOT: arith.addf
  // CHECK: return
  func.func @fused(%x: tensor<?x?x64xf32>, %s: tensor<64xf32>, %m: memref<2304xi8>) -> tensor<?x?x64xf32> attributes {qk.rows = "long"} {
    %w = builtin.unrealized_conversion_cast %m : memref<2304xi8> to tensor<64x64x!qnt.block<bits = 4, group = 32>>
    %n = qnt.norm rms %x, %s eps 1.0e-5 : tensor<?x?x64xf32>, tensor<64xf32>
    %q = qnt.quantize %n : tensor<?x?x64xf32> -> tensor<?x?x64x!qnt.block<bits = 8, group = 32, scale = f32>>
    %y = qnt.matmul %q, %w : tensor<?x?x64x!qnt.block<bits = 8, group = 32, scale = f32>>, tensor<64x64x!qnt.block<bits = 4, group = 32>> -> tensor<?x?x64xf32>
    %r = arith.addf %x, %y : tensor<?x?x64xf32>
    return %r : tensor<?x?x64xf32>
  }
  // 8-bit floats: a kernel rounds the columns to their values, once for all products; these read floats, and those of integer weights as well. What made
  // the row stays apart.
  // CHECK-LABEL: func.func @floats8
  // CHECK: %[[N:.*]] = qk.launch @norm_rms_64_{{[0-9a-f]*}}(
  // CHECK: %[[V:.*]] = qk.launch @round_64_fp8e4m3(%[[N]] : tensor<?x?x64xf32>) outs(%{{.*}} : tensor<?x?x64xf32>)
  // CHECK: %[[A:.*]] = qk.launch @linear_64x64_s64_matmul_e5m2_s32_f32_long(%[[V]],
  // CHECK: %[[B:.*]] = qk.launch @linear_64x64_s64_matmul_w4g32_f32_long(%[[V]],
  // CHECK: return %[[A]], %[[B]], %[[V]]
  func.func @floats8(%x: tensor<?x?x64xf32>, %s: tensor<64xf32>, %m: memref<4352xi8>, %o: memref<2304xi8>) -> (tensor<?x?x64xf32>, tensor<?x?x64xf32>, tensor<?x?x64xf32>) attributes {qk.rows = "long"} {
    %w = builtin.unrealized_conversion_cast %m : memref<4352xi8> to tensor<64x64x!qnt.block<element = table, bits = 8, group = -1, scale = f32, table = "e5m2">>
    %v = builtin.unrealized_conversion_cast %o : memref<2304xi8> to tensor<64x64x!qnt.block<bits = 4, group = 32>>
    %n = qnt.norm rms %x, %s eps 1.0e-5 : tensor<?x?x64xf32>, tensor<64xf32>
    %q = qnt.quantize %n : tensor<?x?x64xf32> -> tensor<?x?x64x!qnt.block<element = table, bits = 8, group = -1, scale = f32, table = "e4m3">>
    %a = qnt.matmul %q, %w : tensor<?x?x64x!qnt.block<element = table, bits = 8, group = -1, scale = f32, table = "e4m3">>, tensor<64x64x!qnt.block<element = table, bits = 8, group = -1, scale = f32, table = "e5m2">> -> tensor<?x?x64xf32>
    %b = qnt.matmul %q, %v : tensor<?x?x64x!qnt.block<element = table, bits = 8, group = -1, scale = f32, table = "e4m3">>, tensor<64x64x!qnt.block<bits = 4, group = 32>> -> tensor<?x?x64xf32>
    %c = qnt.dequantize %q : tensor<?x?x64x!qnt.block<element = table, bits = 8, group = -1, scale = f32, table = "e4m3">> -> tensor<?x?x64xf32>
    return %a, %b, %c : tensor<?x?x64xf32>, tensor<?x?x64xf32>, tensor<?x?x64xf32>
  }
  // The product with outliers reads which channels they are; that of the codes adds it in its epilogue.
  // CHECK-LABEL: func.func @outliers
  // CHECK: %[[S:.*]]:3 = qk.launch @split_outliers_64_{{[0-9a-f]+}}(%arg0 :
  // CHECK: %[[O:.*]] = qk.launch @outliers_64x64_{{.*}}(%[[S]]#1, %[[S]]#2, %{{.*}} :
  // CHECK: qk.launch @linear_64x64_{{.*}}_a8{{.*}}_long_add({{.*}}, %[[O]] :
  // CHECK: return
  func.func @outliers(%x: tensor<?x?x64xf32>, %m: memref<4352xi8>) -> tensor<?x?x64xf32> attributes {qk.rows = "long"} {
    %w = builtin.unrealized_conversion_cast %m : memref<4352xi8> to tensor<64x64x!qnt.block<bits = 8, group = -1>>
    %rest, %outliers = qnt.split_outliers %x above 6.0 : tensor<?x?x64xf32>
    %q = qnt.quantize %rest : tensor<?x?x64xf32> -> tensor<?x?x64x!qnt.block<bits = 8, group = -1, scale = f32>>
    %a = qnt.matmul %q, %w : tensor<?x?x64x!qnt.block<bits = 8, group = -1, scale = f32>>, tensor<64x64x!qnt.block<bits = 8, group = -1>> -> tensor<?x?x64xf32>
    %b = qnt.matmul %outliers, %w : tensor<?x?x64xf32>, tensor<64x64x!qnt.block<bits = 8, group = -1>> -> tensor<?x?x64xf32>
    %y = arith.addf %b, %a : tensor<?x?x64xf32>
    return %y : tensor<?x?x64xf32>
  }
  // A gated unit, the matrix behind it and the codes are one kernel; so are the first two where nothing is quantized. Two readers are not fused.
  // CHECK-LABEL: func.func @mixed
  // CHECK: qk.launch @glu_silu_hadamard64_64_a8_64(%arg0 :
  // CHECK: qk.launch @glu_silu_hadamard32_64(%arg0 :
  // CHECK: %[[G:.*]] = qk.launch @glu_silu_64(%arg0 :
  // CHECK: %[[H:.*]] = qk.launch @hadamard64_64(%[[G]] :
  // CHECK: return %{{.*}}, %{{.*}}, %[[G]], %[[H]]
  func.func @mixed(%x: tensor<?x?x128xf32>, %m: memref<4352xi8>) -> (tensor<?x?x64xf32>, tensor<?x?x64xf32>, tensor<?x?x64xf32>, tensor<?x?x64xf32>) attributes {qk.rows = "long"} {
    %w = builtin.unrealized_conversion_cast %m : memref<4352xi8> to tensor<64x64x!qnt.block<bits = 8, group = -1>>
    %g = qnt.glu silu %x : tensor<?x?x128xf32> -> tensor<?x?x64xf32>
    %h = qnt.hadamard %g block 64 : tensor<?x?x64xf32>
    %q = qnt.quantize %h : tensor<?x?x64xf32> -> tensor<?x?x64x!qnt.block<bits = 8, group = 32, scale = f32>>
    %y = qnt.matmul %q, %w : tensor<?x?x64x!qnt.block<bits = 8, group = 32, scale = f32>>, tensor<64x64x!qnt.block<bits = 8, group = -1>> -> tensor<?x?x64xf32>
    %g2 = qnt.glu silu %x : tensor<?x?x128xf32> -> tensor<?x?x64xf32>
    %h2 = qnt.hadamard %g2 block 32 : tensor<?x?x64xf32>
    %g3 = qnt.glu silu %x : tensor<?x?x128xf32> -> tensor<?x?x64xf32>
    %h3 = qnt.hadamard %g3 block 64 : tensor<?x?x64xf32>
    return %y, %h2, %g3, %h3 : tensor<?x?x64xf32>, tensor<?x?x64xf32>, tensor<?x?x64xf32>, tensor<?x?x64xf32>
  }
  // One thread shows the rows. The weight is an output: whoever looks on may change it, so the product comes after a barrier.
  // CHECK-LABEL: func.func @observed
  // CHECK: qk.launch @observe_64_of16384(%arg0 : tensor<?x?x64xf32>) outs(%arg1 : memref<16384xi8>)
  // CHECK: qk.launch @linear_64x64_
  func.func @observed(%x: tensor<?x?x64xf32>, %m: memref<16384xi8>) -> tensor<?x?x64xf32> attributes {qk.rows = "long"} {
    %w = builtin.unrealized_conversion_cast %m : memref<16384xi8> to tensor<64x64xf32>
    qnt.observe %x of %w : tensor<?x?x64xf32>, tensor<64x64xf32>
    %y = qnt.matmul %x, %w : tensor<?x?x64xf32>, tensor<64x64xf32> -> tensor<?x?x64xf32>
    return %y : tensor<?x?x64xf32>
  }
  // A static scale comes last of the inputs, and has a kernel of its own.
  // CHECK-LABEL: func.func @static
  // CHECK: %[[Q:.*]]:3 = qk.launch @norm_rms_64_{{.*}}_a8_64_grow_static(%arg0, %arg1, %arg2 : {{.*}}) outs({{.*}} : tensor<?x?x64xi8>, tensor<?x?x1xf32>, tensor<?x?x2xi32>)
  // CHECK: qk.launch @linear_64x64_{{.*}}w4g32_a8grow{{.*}}_long(%[[Q]]#0, %[[Q]]#1, %[[Q]]#2,
  // CHECK: qk.launch @quantize_64_64_grow_static(%{{.*}}, %arg2 :
  func.func @static(%x: tensor<?x?x64xf32>, %s: tensor<64xf32>, %scale: tensor<1xf32>, %m: memref<2304xi8>) -> tensor<?x?x64xf32> attributes {qk.rows = "long"} {
    %w = builtin.unrealized_conversion_cast %m : memref<2304xi8> to tensor<64x64x!qnt.block<bits = 4, group = 32>>
    %n = qnt.norm rms %x, %s eps 1.0e-5 : tensor<?x?x64xf32>, tensor<64xf32>
    %q = qnt.quantize %n by %scale : tensor<?x?x64xf32>, tensor<1xf32> -> tensor<?x?x64x!qnt.block<bits = 8, group = -1, scale = f32>>
    %y = qnt.matmul %q, %w : tensor<?x?x64x!qnt.block<bits = 8, group = -1, scale = f32>>, tensor<64x64x!qnt.block<bits = 4, group = 32>> -> tensor<?x?x64xf32>
    %p = qnt.quantize %y by %scale : tensor<?x?x64xf32>, tensor<1xf32> -> tensor<?x?x64x!qnt.block<bits = 8, group = -1, scale = f32>>
    %z = qnt.matmul %p, %w : tensor<?x?x64x!qnt.block<bits = 8, group = -1, scale = f32>>, tensor<64x64x!qnt.block<bits = 4, group = 32>> -> tensor<?x?x64xf32>
    return %z : tensor<?x?x64xf32>
  }
  // Long groups: as many scales as groups; sums as long as the product's runs, here those of the weight.
  // CHECK-LABEL: func.func @row
  // CHECK: %[[R:.*]]:3 = qk.launch @quantize_256_256_grow_s128(%arg0 : {{.*}}) outs({{.*}} : tensor<?x?x256xi8>, tensor<?x?x1xf32>, tensor<?x?x2xi32>)
  // CHECK: qk.launch @linear_64x256_{{.*}}w4g128_a8grows128_long(%[[R]]#0, %[[R]]#1, %[[R]]#2,
  func.func @row(%x: tensor<?x?x256xf32>, %m: memref<8448xi8>) -> tensor<?x?x64xf32> attributes {qk.rows = "long"} {
    %w = builtin.unrealized_conversion_cast %m : memref<8448xi8> to tensor<64x256x!qnt.block<bits = 4, group = 128>>
    %q = qnt.quantize %x : tensor<?x?x256xf32> -> tensor<?x?x256x!qnt.block<bits = 8, group = -1, scale = f32>>
    %y = qnt.matmul %q, %w : tensor<?x?x256x!qnt.block<bits = 8, group = -1, scale = f32>>, tensor<64x256x!qnt.block<bits = 4, group = 128>> -> tensor<?x?x64xf32>
    return %y : tensor<?x?x64xf32>
  }
  // What a launch costs: the packed bytes, multiply-adds for each row, and what rows are; where that has no name, as above, none.
  // CHECK-LABEL: func.func @work
  // CHECK: qk.launch @linear_64x64_{{.*}} {qk.work = {macs = 4096 : i64, rows = ["batch", "keep"], weight_bytes = 2304 : i64}}
  func.func @work(%x: tensor<?x?x64xf32> {qnt.dims = ["batch", "keep", "64"]}, %m: memref<2304xi8>) -> tensor<?x?x64xf32> attributes {qk.rows = "long"} {
    %w = builtin.unrealized_conversion_cast %m : memref<2304xi8> to tensor<64x64x!qnt.block<bits = 4, group = 32>>
    %y = qnt.matmul %x, %w : tensor<?x?x64xf32>, tensor<64x64x!qnt.block<bits = 4, group = 32>> -> tensor<?x?x64xf32>
    return %y : tensor<?x?x64xf32>
  }
  // Kernels that decode differently have different names, also where their tables are of one size: a zero point of a byte and padding, or an f16.
  // CHECK-LABEL: func.func @tables
  // CHECK: qk.launch @gather_w4g32asym_50x32_i64(
  // CHECK: qk.launch @gather_w4g32zf_50x32_i64(
  func.func @tables(%ids: tensor<?x?xi64>, %m: memref<1000xi8>) -> (tensor<?x?x32xf32>, tensor<?x?x32xf32>) {
    %a = builtin.unrealized_conversion_cast %m : memref<1000xi8> to tensor<50x32x!qnt.block<bits = 4, group = 32, zero = int>>
    %b = builtin.unrealized_conversion_cast %m : memref<1000xi8> to tensor<50x32x!qnt.block<bits = 4, group = 32, zero = float>>
    %x = qnt.gather %ids, %a : tensor<?x?xi64>, tensor<50x32x!qnt.block<bits = 4, group = 32, zero = int>> -> tensor<?x?x32xf32>
    %y = qnt.gather %ids, %b : tensor<?x?xi64>, tensor<50x32x!qnt.block<bits = 4, group = 32, zero = float>> -> tensor<?x?x32xf32>
    return %x, %y : tensor<?x?x32xf32>, tensor<?x?x32xf32>
  }
  // A slice of columns is read where it lies.
  // CHECK-LABEL: func.func @slice
  // CHECK: qk.launch @kv_update_2x16f32_32at32of96_32at64of96(%[[ALL:.*]], %[[ALL]] :
  func.func @slice(%x: tensor<?x?x96xf32> {qnt.dims = ["batch", "seq", "96"]}, %m: memref<?xf32>) {
    %b = qk.dim "batch"
    %s = qk.dim "seq"
    %past = qk.dim "past"
    %cache = builtin.unrealized_conversion_cast %m : memref<?xf32> to !qnt.cache<2x16xf32>
    %k = tensor.extract_slice %x[0, 0, 32] [%b, %s, 32] [1, 1, 1] : tensor<?x?x96xf32> to tensor<?x?x32xf32>
    %v = tensor.extract_slice %x[0, 0, 64] [%b, %s, 32] [1, 1, 1] : tensor<?x?x96xf32> to tensor<?x?x32xf32>
    qnt.kv_update %k, %v into %cache at %past : tensor<?x?x32xf32>, !qnt.cache<2x16xf32>
    return
  }
  // One row: the context is divided among the threads, and a second step merges.
  // CHECK-LABEL: func.func @decode
  // CHECK: qk.launch @attention_chunk
  // CHECK: qk.launch @attention_merge
  func.func @decode(%x: tensor<?x?x32xf32> {qnt.dims = ["batch", "seq", "32"]}, %m: memref<?xf32>) -> tensor<?x?x32xf32> attributes {qk.rows = "decode"} {
    %past = qk.dim "past"
    %cache = builtin.unrealized_conversion_cast %m : memref<?xf32> to !qnt.cache<2x16xf32>
    %a = qnt.attention %x over %cache at %past heads 2 scale 0.25 : tensor<?x?x32xf32>, !qnt.cache<2x16xf32>
    return %a : tensor<?x?x32xf32>
  }
}
