// What the map is drawn with: discs of deck.gl whose fragments are cut to other shapes, so that a thing is told by its
// shape as well as by its colour, and ten thousand of them are one draw call.
import {ScatterplotLayer} from '@deck.gl/layers';

const kVertexDeclarations = `\
in float instanceHeadings;
in float instanceLooks;
out vec2 vTurn;
out float vRadius;
flat out int vLook;
`;
const kVertexEnd = `\
vTurn = vec2(sin(instanceHeadings), cos(instanceHeadings));
vRadius = outerRadiusPixels;
vLook = int(instanceLooks + 0.5);
`;
const kFragmentDeclarations = `\
in vec2 vTurn;
in float vRadius;
flat in int vLook;
`;

// An arrow in the direction of its heading.  It bends where the vehicle is about to turn, has a bar behind it where it
// brakes, is a square where it stands, and an outline where nothing is heard of it.  A dashed ring: in a conflict.  A
// ring: told to slow down.  A heavy ring: told to avoid somebody.
const kVehicle = `\
vec2 p = vec2(dot(geometry.uv, vec2(vTurn.y, -vTurn.x)), dot(geometry.uv, vTurn));
float soft = 1.2 / vRadius;
int intent = vLook & 15;
vec2 q = p / 0.74;
float bend = 0.5 * max(q.y + 0.2, 0.0) * max(q.y + 0.2, 0.0);
if (intent == 1) q.x += bend;
if (intent == 2) q.x -= bend;
float shape;
if (intent == 4) {
  shape = max(abs(q.x) - 0.46, abs(q.y) - 0.46);
} else {
  float side = (abs(q.x) * 1.9 + (q.y - 1.0) * 0.72) / 2.03;
  float back = (-0.45 - 0.6 * abs(q.x) - q.y) / 1.17;
  shape = max(side, back);
  if (intent == 3) shape = min(shape, max(abs(q.x) - 0.62, abs(q.y + 1.12) - 0.13));
}
if ((vLook & 48) != 0) shape = abs(shape + 0.1) - 0.1;
float seen = 1.0 - smoothstep(-soft, soft, shape);
float r = length(geometry.uv);
float ring = 1e3;
if ((vLook & 512) != 0) ring = abs(r - 0.87) - 0.11;
else if ((vLook & 256) != 0) ring = abs(r - 0.9) - 0.05;
else if ((vLook & 128) != 0 && fract(atan(geometry.uv.y, geometry.uv.x) * 1.2732) < 0.55) ring = abs(r - 0.9) - 0.07;
seen = max(seen, 1.0 - smoothstep(-soft, soft, ring));
color.a *= seen;
`;

// A square of the heatmap, hatched the more densely the more it is congested.
const kCell = `\
vec2 away = abs(geometry.uv) - 0.69;
float inside = max(away.x, away.y) < 0.0 ? 1.0 : 0.0;
float congestion = float(vLook & 255) / 255.0;
float line = fract((gl_FragCoord.x + gl_FragCoord.y) / 9.0);
float hatched = (vLook & 256) != 0 && line < 0.14 + 0.3 * congestion ? 1.0 : 0.0;
color.a *= inside * (0.06 + 0.24 * congestion + 0.3 * hatched);
`;

// Where two would meet: a cross in a ring.
const kContact = `\
vec2 k = geometry.uv;
float width = 1.2 / vRadius;
float saltire = max(min(abs(k.x - k.y), abs(k.x + k.y)) / 1.414 - 0.1, length(k) - 0.72);
float around = abs(length(k) - 0.88) - 0.09;
color.a *= 1.0 - smoothstep(-width, width, min(saltire, around));
`;

abstract class ShapeLayer extends ScatterplotLayer<any, any> {
  static override layerName = 'ShapeLayer';
  static override defaultProps = {getHeading: {type: 'accessor', value: 0}, getLook: {type: 'accessor', value: 0}} as any;

  protected abstract cut(): string;

  override getShaders(): any {
    const shaders = super.getShaders();
    return {
      ...shaders,
      inject: {
        'vs:#decl': kVertexDeclarations,
        'vs:#main-end': kVertexEnd,
        'fs:#decl': kFragmentDeclarations,
        'fs:DECKGL_FILTER_COLOR': this.cut()
      }
    };
  }

  override initializeState(): void {
    super.initializeState();
    this.getAttributeManager()!.addInstanced({
      instanceHeadings: {size: 1, accessor: 'getHeading', defaultValue: 0},
      instanceLooks: {size: 1, accessor: 'getLook', defaultValue: 0}
    });
  }
}

export class VehicleLayer extends ShapeLayer {
  static override layerName = 'VehicleLayer';
  protected cut(): string { return kVehicle; }
}

export class CellLayer extends ShapeLayer {
  static override layerName = 'CellLayer';
  protected cut(): string { return kCell; }
}

export class ContactLayer extends ShapeLayer {
  static override layerName = 'ContactLayer';
  protected cut(): string { return kContact; }
}
