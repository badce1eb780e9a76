// Colours by theme; every one of them has a shape or a word beside it.
export type Rgba = [number, number, number, number];

export interface Theme {
  name: 'dark' | 'light';
  ground: Rgba;
  street: Rgba;
  goes: Rgba;
  brakes: Rgba;
  stands: Rgba;
  silent: Rgba;
  conflict: Rgba;
  told: Rgba;
  selected: Rgba;
  trail: Rgba;
  cool: Rgba;
  hot: Rgba;
}

export const kDark: Theme = {
  name: 'dark', ground: [11, 16, 23, 255], street: [37, 49, 64, 255], goes: [110, 193, 255, 255],
  brakes: [255, 184, 92, 255], stands: [138, 154, 174, 255], silent: [150, 150, 150, 255], conflict: [255, 92, 92, 255],
  told: [201, 146, 255, 255], selected: [255, 255, 255, 255], trail: [255, 255, 255, 130], cool: [255, 214, 102, 255],
  hot: [255, 64, 64, 255]
};

export const kLight: Theme = {
  name: 'light', ground: [243, 245, 247, 255], street: [208, 215, 223, 255], goes: [0, 96, 189, 255],
  brakes: [181, 91, 0, 255], stands: [92, 106, 122, 255], silent: [120, 120, 120, 255], conflict: [204, 20, 36, 255],
  told: [122, 46, 196, 255], selected: [10, 20, 30, 255], trail: [10, 20, 30, 130], cool: [240, 168, 0, 255],
  hot: [214, 24, 24, 255]
};
