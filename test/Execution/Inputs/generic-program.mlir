#id3 = affine_map<(b, s, c) -> (b, s, c)>
#row = affine_map<(b, s, c) -> (b, s)>
#vec = affine_map<(b, s, c) -> (c)>
module attributes {qnt.dims = ["batch", "seq"], qnt.files = ["weights.bin"]} {
  qnt.weight_decl @w : tensor<48x32xf32> [#qnt.part<rows = 48, transposed = false, data = <"w", file 0, offset 0, length 6144> : tensor<48x32xf32>>]
  qnt.weight_decl @g : tensor<32xf32> [#qnt.part<rows = 32, transposed = false, data = <"g", file 0, offset 6144, length 128> : tensor<32xf32>>]
  func.func @main(%x: tensor<?x?x32xf32> {qnt.dims = ["batch", "seq", "32"], qnt.name = "x"}, %mask: tensor<?x?xi64> {qnt.dims = ["batch", "seq"], qnt.name = "mask"})
      -> (tensor<?x?x48xf32> {qnt.dims = ["batch", "seq", "48"], qnt.name = "y"}, tensor<?x?x?xf32> {qnt.dims = ["batch", "seq", "seq"], qnt.name = "p"}, tensor<?x32xf32> {qnt.dims = ["batch", "32"], qnt.name = "m"}) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %zero = arith.constant 0.0 : f32
    %low = arith.constant -3.0e38 : f32
    %b = tensor.dim %x, %c0 : tensor<?x?x32xf32>
    %s = tensor.dim %x, %c1 : tensor<?x?x32xf32>
    %g = qnt.weight @g : tensor<32xf32>
    %n = qnt.norm layer %x, %g bias %g eps 1.0e-5 : tensor<?x?x32xf32>, tensor<32xf32>, tensor<32xf32>
    %e0 = tensor.empty(%b, %s) : tensor<?x32x?xf32>
    %t = linalg.transpose ins(%n : tensor<?x?x32xf32>) outs(%e0 : tensor<?x32x?xf32>) permutation = [0, 2, 1]
    %e1 = tensor.empty(%b, %s, %s) : tensor<?x?x?xf32>
    %f1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<?x?x?xf32>) -> tensor<?x?x?xf32>
    %sc = linalg.batch_matmul ins(%n, %t : tensor<?x?x32xf32>, tensor<?x32x?xf32>) outs(%f1 : tensor<?x?x?xf32>) -> tensor<?x?x?xf32>
    // masked softmax
    %ms = linalg.generic {indexing_maps = [#id3, affine_map<(b, s, c) -> (b, c)>, #id3], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%sc, %mask : tensor<?x?x?xf32>, tensor<?x?xi64>) outs(%e1 : tensor<?x?x?xf32>) {
      ^bb0(%v: f32, %m: i64, %o: f32):
        %z = arith.constant 0 : i64
        %keep = arith.cmpi ne, %m, %z : i64
        %r = arith.select %keep, %v, %low : f32
        linalg.yield %r : f32
    } -> tensor<?x?x?xf32>
    %e2 = tensor.empty(%b, %s) : tensor<?x?xf32>
    %f2 = linalg.fill ins(%low : f32) outs(%e2 : tensor<?x?xf32>) -> tensor<?x?xf32>
    %mx = linalg.generic {indexing_maps = [#id3, #row], iterator_types = ["parallel", "parallel", "reduction"]} ins(%ms : tensor<?x?x?xf32>) outs(%f2 : tensor<?x?xf32>) {
      ^bb0(%v: f32, %o: f32):
        %r = arith.maximumf %v, %o : f32
        linalg.yield %r : f32
    } -> tensor<?x?xf32>
    %ex = linalg.generic {indexing_maps = [#id3, #row, #id3], iterator_types = ["parallel", "parallel", "parallel"]} ins(%ms, %mx : tensor<?x?x?xf32>, tensor<?x?xf32>) outs(%e1 : tensor<?x?x?xf32>) {
      ^bb0(%v: f32, %m: f32, %o: f32):
        %d = arith.subf %v, %m : f32
        %r = math.exp %d : f32
        linalg.yield %r : f32
    } -> tensor<?x?x?xf32>
    %f3 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<?x?xf32>) -> tensor<?x?xf32>
    %sm = linalg.generic {indexing_maps = [#id3, #row], iterator_types = ["parallel", "parallel", "reduction"]} ins(%ex : tensor<?x?x?xf32>) outs(%f3 : tensor<?x?xf32>) {
      ^bb0(%v: f32, %o: f32):
        %r = arith.addf %v, %o : f32
        linalg.yield %r : f32
    } -> tensor<?x?xf32>
    %p = linalg.generic {indexing_maps = [#id3, #row, #id3], iterator_types = ["parallel", "parallel", "parallel"]} ins(%ex, %sm : tensor<?x?x?xf32>, tensor<?x?xf32>) outs(%e1 : tensor<?x?x?xf32>) {
      ^bb0(%v: f32, %m: f32, %o: f32):
        %r = arith.divf %v, %m : f32
        linalg.yield %r : f32
    } -> tensor<?x?x?xf32>
    %e4 = tensor.empty(%b, %s) : tensor<?x?x32xf32>
    %f4 = linalg.fill ins(%zero : f32) outs(%e4 : tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
    %a = linalg.batch_matmul ins(%p, %n : tensor<?x?x?xf32>, tensor<?x?x32xf32>) outs(%f4 : tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
    %h = tensor.extract_slice %a[0, 0, 0] [%b, %s, 16] [1, 1, 1] : tensor<?x?x32xf32> to tensor<?x?x16xf32>
    %a2 = tensor.insert_slice %h into %a[0, 0, 16] [%b, %s, 16] [1, 1, 1] : tensor<?x?x16xf32> into tensor<?x?x32xf32>
    %k = qnt.activate gelu %a2 : tensor<?x?x32xf32>
    %r = arith.addf %k, %x : tensor<?x?x32xf32>
    %ab = math.absf %r : tensor<?x?x32xf32>
    %w = qnt.weight @w : tensor<48x32xf32>
    %y = qnt.matmul %ab, %w : tensor<?x?x32xf32>, tensor<48x32xf32> -> tensor<?x?x48xf32>
    %first = tensor.extract_slice %ab[0, 0, 0] [%b, 1, 32] [1, 1, 1] : tensor<?x?x32xf32> to tensor<?x32xf32>
    return %y, %p, %first : tensor<?x?x48xf32>, tensor<?x?x?xf32>, tensor<?x32xf32>
  }
}
