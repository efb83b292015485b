import type { Plugin } from '../framework/plugin.ts';

const leastBytes = 23 * 1024 * 1024;
const mostBytesPerContainer = 1000 * 1024 * 1024;

/** Prefers boards that have the images already; an image that few boards have draws less, so that they are not swamped. */
export const imageLocality: Plugin = {
  name: 'ImageLocality',
  weight: 1,
  events: [],
  preScore({ pod }, { imageNodes, nodes }) {
    const images = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])].map(({ image }) => normalized(image ?? ''));
    const known = images.filter((image) => imageNodes.has(image));
    if (known.length === 0) return undefined;
    const most = mostBytesPerContainer * images.length;
    return (node) => {
      let bytes = 0;
      for (const image of known) bytes += ((node.images.get(image) ?? 0) * (imageNodes.get(image) ?? 0)) / nodes.length;
      return Math.floor((100 * (Math.min(Math.max(bytes, leastBytes), most) - leastBytes)) / (most - leastBytes));
    };
  },
};

/** An image without a tag means `:latest`. */
function normalized(image: string): string {
  return image.lastIndexOf(':') <= image.lastIndexOf('/') && !image.includes('@') ? `${image}:latest` : image;
}
