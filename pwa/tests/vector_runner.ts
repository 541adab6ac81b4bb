export interface Vector {
  name?: string;
  title?: string;
}
export function run_vector(_file: string, _vector: Vector): void {}
